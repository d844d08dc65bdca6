package dev.trireme.coordinator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.QueueSpec.Placing;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Scheduler.Demand;
import dev.trireme.coordinator.schedule.Scheduler.Plan;
import dev.trireme.coordinator.schedule.Scheduler.Preempt;
import dev.trireme.coordinator.schedule.Scheduler.Resize;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import dev.trireme.coordinator.schedule.Scheduler.Situation;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SimCluster.SimJob;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;

/**
 * Lives the histories of whole small clusters: jobs of several users, priorities and needs that
 * come, run for a while, shrink, grow, lose ranks, are preempted and end, all as the scheduler
 * says.
 */
class ClusterSimulationTest {
  private static final Pattern JOB = Pattern.compile("job-\\d+");

  @Property(tries = 400)
  void shouldRunEveryJobThatFitsAndGiveNoSlotTwice(@ForAll @LongRange(min = 0) long seed) {
    Random random = new Random(seed);
    SimCluster cluster = SimCluster.random(random);
    int never = 0;
    for (int i = 1; i <= 25; i++) {
      SimJob job = SimCluster.randomJob(i, random);
      cluster.jobs.put(i, job);
      never += fitsTheEmptyCluster(cluster, job) ? 0 : 1;
    }
    int rounds = 0;
    while (cluster.jobs.size() > never) {
      assertThat(rounds++).as("rounds of seed %d: %s", seed, cluster.situation()).isLessThan(2000);
      step(cluster);
      if (rounds < 200) {
        loseRanks(cluster, random);
      }
    }
  }

  private static void step(SimCluster cluster) {
    Situation now = cluster.situation();
    Plan plan = Scheduler.decide(now);
    demandsAreFair(cluster, now, plan);
    everyJobIsTold(now, plan);
    cluster.apply(plan);
    recover(cluster);
    cluster.live();
  }

  /** As if it were alone: elastic ones in their smallest size. */
  private static boolean fitsTheEmptyCluster(SimCluster cluster, SimJob job) {
    Situation alone =
        new Situation(List.of(job.waiting()), List.of(), List.copyOf(cluster.agents.values()), 0);
    return Scheduler.decide(alone).decisions().get(0) instanceof Form;
  }

  /** Some ranks die, and their job cannot go on without them. */
  private static void loseRanks(SimCluster cluster, Random random) {
    for (SimJob job : cluster.jobs.values()) {
      if (job.size() > 1 && !job.preempted && random.nextInt(6) == 0) {
        cluster.drop(job, 1 + random.nextInt(job.size() - 1));
        job.target = job.size();
      }
    }
  }

  /** As the formation of the job is decided: replacements where there is room for all of them. */
  private static void recover(SimCluster cluster) {
    for (SimJob job : cluster.jobs.values()) {
      int lacking = job.running().lacking();
      if (!job.runs() || job.preempted || lacking == 0) {
        continue;
      }
      List<Share> whole = job.running().first(job.size());
      for (AgentRoom agent : cluster.rooms()) {
        boolean there = job.held.stream().anyMatch(h -> h.agentId().equals(agent.agentId()));
        int more = job.spans || there ? Math.min(lacking, agent.fits(job.given)) : 0;
        whole = more > 0 ? Share.plus(whole, agent.agentId(), more) : whole;
        lacking -= more;
      }
      if (lacking == 0) {
        cluster.apply(new Plan(List.of(), List.of(new Resize(job.id(), whole, "is whole"))));
      }
    }
  }

  private static void everyJobIsTold(Situation now, Plan plan) {
    assertThat(plan.decisions())
        .extracting(SchedulingDecision::jobId)
        .isEqualTo(now.queue().stream().map(WaitingJob::jobId).toList());
    assertThat(plan.decisions()).allSatisfy(d -> assertThat(d.reason()).isNotBlank());
    assertThat(plan.demands()).allSatisfy(d -> assertThat(d.reason()).isNotBlank());
    assertThat(plan.demands()).extracting(Demand::jobId).doesNotHaveDuplicates();
  }

  private static void demandsAreFair(SimCluster cluster, Situation now, Plan plan) {
    for (Demand demand : plan.demands()) {
      SimJob job = cluster.job(demand.jobId());
      if (demand instanceof Preempt && job.running().lacking() > 0) {
        assertThat(job.priority).as("the half-placed").isLessThanOrEqualTo(forWhom(now, demand));
      } else if (demand instanceof Preempt) {
        assertThat(job.priority).as("the preempted").isLessThan(forWhom(now, demand));
      } else if (demand instanceof Resize resize && resize.to() < job.size()) {
        assertThat(job.priority).as("the shrunk").isLessThanOrEqualTo(forWhom(now, demand));
      }
    }
  }

  /** The priority of the job that gets what another gives up, which must lack something. */
  private static int forWhom(Situation now, Demand demand) {
    Matcher named = JOB.matcher(demand.reason());
    assertThat(named.find()).as(demand.toString()).isTrue();
    String jobId = named.group();
    return Stream.concat(
            now.queue().stream().filter(j -> j.jobId().equals(jobId)).map(WaitingJob::priority),
            now.running().stream()
                .filter(j -> j.jobId().equals(jobId) && j.lacking() > 0)
                .map(RunningJob::priority))
        .findFirst()
        .orElseThrow(() -> new AssertionError("for whom is " + demand));
  }

  /**
   * Others of no higher priority come for ever, more than the cluster can run: whoever fits it has
   * its turn, though its user has most of what there is.
   */
  @Property(tries = 300)
  void shouldRunEveryJobThoughOthersKeepComing(@ForAll @LongRange(min = 0) long seed) {
    Random random = new Random(seed);
    SimCluster cluster = SimCluster.random(random);
    SimJob job = SimCluster.randomJob(100, random);
    if (!fitsTheEmptyCluster(cluster, job)) {
      return;
    }
    cluster.jobs.put(100, job);
    int before = 1 + random.nextInt(20);
    for (int i = 1; i <= before; i++) {
      cluster.jobs.put(i, noHigher(SimCluster.randomJob(i, random), job));
    }
    int number = 100;
    for (int steps = 0; !job.runs(); steps++) {
      assertThat(steps).as("steps of seed %d: %s", seed, cluster.situation()).isLessThan(300);
      for (int i = 0; i < 3; i++) {
        SimJob other = noHigher(SimCluster.randomJob(++number, random), job);
        other.accepted = cluster.millis;
        cluster.jobs.put(number, other);
      }
      step(cluster);
      cluster.millis += 60_000;
    }
  }

  private static SimJob noHigher(SimJob job, SimJob than) {
    return new SimJob(
        job.number,
        job.workers,
        job.need,
        Math.min(job.priority, than.priority),
        job.user,
        job.spans,
        job.placing,
        job.left);
  }

  /**
   * Two clusters with the same past and the same head: in one nobody is behind it, in the other
   * many are. Whatever ends when, it must not start later there.
   */
  @Property(tries = 2000)
  void shouldNeverDelayTheHeadByThoseBehind(@ForAll @LongRange(min = 0) long seed) {
    int alone = startOfTheHead(seed, 0);
    int before = startOfTheHead(seed, 12);

    assertThat(before).as("start of the head of seed %d", seed).isLessThanOrEqualTo(alone);
  }

  /** Steps until it starts. */
  private static int startOfTheHead(long seed, int behind) {
    Random random = new Random(seed);
    SimCluster cluster = SimCluster.random(random);
    for (int i = 1; i <= 15; i++) {
      cluster.jobs.put(i, rigid(SimCluster.randomJob(i, random), 1 + random.nextInt(30)));
    }
    // Whoever runs by now is the past.
    cluster.apply(Scheduler.decide(cluster.situation()));
    cluster.jobs.values().removeIf(job -> !job.runs());
    SimJob head = rigid(SimCluster.randomJob(100, random), 1);
    if (!fitsTheEmptyCluster(cluster, head)) {
      return 0;
    }
    cluster.jobs.put(100, head);
    for (int i = 101; i <= 100 + behind; i++) {
      cluster.jobs.put(i, rigid(SimCluster.randomJob(i, random), 1 + random.nextInt(60)));
    }
    int steps = 0;
    while (true) {
      cluster.apply(Scheduler.decide(cluster.situation()));
      if (head.runs()) {
        return steps;
      }
      assertThat(steps++).isLessThan(2000);
      cluster.live();
    }
  }

  /** Of one user and priority, so that age alone decides, and of one size. */
  private static SimJob rigid(SimJob job, int left) {
    return new SimJob(
        job.number,
        new WorkerCount(job.workers.min(), job.workers.min()),
        job.need,
        0,
        "ann",
        job.spans,
        job.placing,
        left);
  }

  @Property(tries = 300)
  void shouldPackOnAsFewHostsAsThereCanBe(@ForAll @LongRange(min = 0) long seed) {
    Random random = new Random(seed);
    List<AgentRoom> agents = new ArrayList<>();
    int sum = 0;
    for (int i = 0; i < 8; i++) {
      int free = random.nextInt(7);
      agents.add(new AgentRoom("agent-" + i, "host-" + i, 6, free));
      sum += free;
    }
    int ranks = 1 + random.nextInt(Math.max(1, sum));
    if (ranks > sum) {
      return;
    }
    Form packed = place(agents, ranks, Placing.PACK);
    Form spread = place(agents, ranks, Placing.SPREAD);

    int hosts = packed.placements().size();
    int most =
        agents.stream()
            .map(AgentRoom::free)
            .sorted((a, b) -> b - a)
            .limit(hosts - 1)
            .mapToInt(Integer::intValue)
            .sum();
    assertThat(most).as("what one host less could hold").isLessThan(ranks);
    long withRoom = agents.stream().filter(a -> a.free() > 0).count();
    assertThat(spread.placements()).hasSize((int) Math.min(ranks, withRoom));
  }

  private static Form place(List<AgentRoom> agents, int ranks, Placing placing) {
    WaitingJob job =
        new WaitingJob(
            "job-1", new WorkerCount(ranks, ranks), Need.SLOT, 0, "ann", placing, true, 0);
    Plan plan = Scheduler.decide(new Situation(List.of(job), List.of(), agents, 0));
    return (Form) plan.decisions().get(0);
  }
}
