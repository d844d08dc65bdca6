package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.JobSpec;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.coordinator.NotActiveException;
import dev.trireme.coordinator.control.JobControl;
import dev.trireme.coordinator.life.Time;
import dev.trireme.coordinator.store.LocalStore;
import dev.trireme.coordinator.store.Peers;
import dev.trireme.coordinator.store.Replica;
import dev.trireme.coordinator.store.ReplicatedJobStore;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.StoreMessage;
import dev.trireme.protocol.Stored.JobRecord;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * Three coordinators and two hosts without a network: the coordinators' own control and stores, and
 * the agents' own sessions, around ranks that are made up. A seed decides who reaches whom, which
 * coordinators take themselves for the active one (several at once, too), who crashes, and which
 * disks are lost. Every step that ranks commit is written down by themselves, and none may be
 * committed by a formation once a later one of its job has committed one.
 */
final class LeaseWorld {
  static final long STEPS = 400;
  private static final int COORDINATORS = 3;
  private static final Duration REGISTERS = Duration.ofSeconds(5);

  /** A coordinator's disk, and what runs over it. */
  private final class Node implements Peers {
    final String name;
    Disk disk = new Disk();
    Optional<JobControl> control = Optional.empty();

    Node(int number) {
      name = "c" + number;
    }

    private List<Node> others() {
      return nodes.stream().filter(n -> n != this).toList();
    }

    @Override
    public int count() {
      return COORDINATORS - 1;
    }

    @Override
    public CompletableFuture<StoreMessage> ask(int peer, StoreMessage question) {
      Node other = others().get(peer);
      if (!reach(name, other.name)) {
        return CompletableFuture.failedFuture(new IllegalStateException("out of reach"));
      }
      StoreMessage answer = new Replica(other.disk).answer(question);
      return CompletableFuture.completedFuture(answer);
    }

    void takeOver() {
      crash();
      try {
        control =
            Optional.of(
                new JobControl(
                    name,
                    new ReplicatedJobStore(disk, this),
                    Timing.DEFAULT,
                    clock,
                    random::nextLong,
                    (agent, command) -> tell(this, agent, command)));
      } catch (CoordinatorException e) {
        // No majority: tried again some other time.
      }
    }

    void crash() {
      control.ifPresent(JobControl::close);
      control = Optional.empty();
    }

    /** Does something as the active one, which it may find out that it is not. */
    void active(Consumer<JobControl> action) {
      if (control.isEmpty()) {
        return;
      }
      try {
        action.accept(control.get());
      } catch (NotActiveException e) {
        crash();
      } catch (CoordinatorException e) {
        // Refused; asked again.
      }
    }
  }

  /** One disk, which writes at once. */
  private static final class Disk implements LocalStore {
    private final Map<String, JobRecord> jobs = new TreeMap<>();
    private long term;

    @Override
    public long raiseTerm(long floor) {
      term = Math.max(term, floor) + 1;
      return term;
    }

    @Override
    public long term() {
      return term;
    }

    @Override
    public boolean promise(long wanted) {
      if (wanted <= term) {
        return false;
      }
      term = wanted;
      return true;
    }

    @Override
    public void put(JobRecord job) {
      JobRecord old = jobs.get(job.jobId());
      if (old != null
          && (old.term() > job.term()
              || old.term() == job.term() && old.version() > job.version())) {
        throw new NotActiveException("another coordinator has taken over");
      }
      jobs.put(job.jobId(), job);
    }

    @Override
    public void remove(String jobId) {
      jobs.remove(jobId);
    }

    @Override
    public Optional<JobRecord> job(String jobId) {
      return Optional.ofNullable(jobs.get(jobId));
    }

    @Override
    public List<JobRecord> jobs() {
      return List.copyOf(jobs.values());
    }

    @Override
    public void close() {}
  }

  private final Random random;
  private final Path directory;
  private Duration since = Duration.ZERO;
  private final Time clock =
      new Time() {
        @Override
        public long nanos() {
          return Long.MAX_VALUE - 5 + since.toNanos();
        }

        @Override
        public Instant now() {
          return Instant.ofEpochMilli(1_800_000_000_000L).plus(since);
        }
      };
  private final List<Node> nodes = new ArrayList<>();
  private final Map<String, LeaseHost> hosts = new TreeMap<>();
  private final Map<String, Duration> cutSince = new HashMap<>();
  private final Map<String, Integer> sides = new HashMap<>();
  private final Map<String, Long> newestCommitting = new TreeMap<>();
  private final List<String> history = new ArrayList<>();
  private String job = "";

  LeaseWorld(long seed, Path directory) {
    this.random = new Random(seed);
    this.directory = directory;
    for (int i = 0; i < COORDINATORS; i++) {
      nodes.add(new Node(i));
    }
    for (String name : List.of("a", "b")) {
      long offset = random.nextLong();
      hosts.put(name, new LeaseHost(name, () -> clock.nanos() + offset, this::committed));
    }
  }

  private boolean reach(String one, String other) {
    return sides.getOrDefault(one, 0).equals(sides.getOrDefault(other, 0));
  }

  /** Ranks of a generation have committed a step: they say so themselves. */
  private void committed(String jobId, long generation, long step) {
    long newest = newestCommitting.merge(jobId, generation, Math::max);
    assertThat(generation)
        .as("step %d of %s; generation %d has committed. %s", step, jobId, newest, history)
        .isEqualTo(newest);
  }

  private void note(String what) {
    history.add("\n%.1f s: %s".formatted(since.toMillis() / 1000.0, what));
  }

  /** Lives through a random history and then in peace until the job has ended. */
  JobStatus live(JobSpec spec) {
    nodes.get(0).takeOver();
    job =
        nodes
            .get(0)
            .control
            .orElseThrow()
            .submit(new JobSubmission(spec, "name: x\n", directory.resolve("run")));
    for (int i = 0; i < 600; i++) {
      if (random.nextInt(25) == 0) {
        mishap();
      }
      pass(true);
    }
    sides.clear();
    note("peace");
    for (Node node : nodes) {
      node.crash();
    }
    nodes.get(random.nextInt(COORDINATORS)).takeOver();
    for (int i = 0; i < 4000 && !status().filter(s -> s.state().isFinal()).isPresent(); i++) {
      pass(false);
    }
    JobStatus end = status().orElseThrow(() -> new AssertionError("lost" + history));
    nodes.forEach(Node::crash);
    assertThat(end.state())
        .as("%s: %s %s", end.reason(), history, hosts.values())
        .isEqualTo(JobState.SUCCEEDED);
    return end;
  }

  private Optional<JobStatus> status() {
    return nodes.stream()
        .flatMap(n -> n.control.stream())
        .flatMap(c -> c.list().stream())
        .filter(s -> s.jobId().equals(job))
        .findFirst();
  }

  private void mishap() {
    Node node = nodes.get(random.nextInt(COORDINATORS));
    switch (random.nextInt(8)) {
      case 0 -> {
        note(node.name + " crashes");
        node.crash();
      }
      case 1, 2 -> {
        note(node.name + " takes over");
        node.takeOver();
      }
      case 3, 4 -> {
        List<String> all = new ArrayList<>(hosts.keySet());
        nodes.forEach(n -> all.add(n.name));
        String cut = all.get(random.nextInt(all.size()));
        sides.put(cut, random.nextInt(2));
        note(cut + " is on side " + sides.get(cut));
      }
      case 5 -> {
        sides.clear();
        note("all are one");
      }
      case 6 -> hosts.get(random.nextBoolean() ? "a" : "b").killOne();
      default -> nodes.forEach(Node::crash);
    }
  }

  private void pass(boolean trouble) {
    since = since.plusMillis(100 + random.nextInt(900));
    if (!trouble && nodes.stream().allMatch(n -> n.control.isEmpty())) {
      nodes.get(random.nextInt(COORDINATORS)).takeOver();
    }
    for (LeaseHost host : hosts.values()) {
      downIfCutOff(host);
      host.pass(REGISTERS, message -> hear(host, message));
    }
    LeaseHost.step(hosts.values(), random, this::reach);
    for (Node node : nodes) {
      node.active(JobControl::onTime);
      node.active(control -> hosts.values().forEach(h -> missed(node, control, h)));
    }
  }

  /**
   * A failure detector's work: whoever cannot be reached for long is given up by the active one.
   */
  private void missed(Node node, JobControl control, LeaseHost host) {
    String key = node.name + host.name();
    if (reach(node.name, host.name())) {
      cutSince.remove(key);
    } else if (since.minus(cutSince.computeIfAbsent(key, k -> since)).toSeconds() == 8) {
      control.onAgentGone(host.name());
    }
  }

  /** An agent that reaches no majority ends its ranks, sooner or later, and joins anew. */
  private void downIfCutOff(LeaseHost host) {
    long there = nodes.stream().filter(n -> reach(n.name, host.name())).count();
    if (there < 2 && random.nextInt(150) == 0) {
      note(host.name() + " joins anew");
      host.joinAnew();
    }
  }

  private void hear(LeaseHost host, AgentToCoordinator message) {
    List<Node> active =
        nodes.stream().filter(n -> n.control.isPresent() && reach(n.name, host.name())).toList();
    if (active.isEmpty() || random.nextInt(20) == 0) {
      return; // Lost.
    }
    Node node = active.get(random.nextInt(active.size()));
    node.active(
        control -> {
          if (message instanceof AgentToCoordinator.RegisterAgent registration) {
            tell(node, host.name(), control.onRegistration(registration));
          } else {
            control.onMessage(message);
          }
        });
  }

  private void tell(Node from, String agent, CoordinatorToAgent command) {
    if (reach(from.name, agent)) {
      hosts.get(agent).obey(command);
    }
  }
}
