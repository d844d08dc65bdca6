package dev.trireme.coordinator.life;

import dev.trireme.api.job.ParallelSpec;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.life.Deadlines.Wait;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import dev.trireme.coordinator.schedule.Share;
import dev.trireme.protocol.Backing;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.StateSource;
import dev.trireme.protocol.Stored.FormationRecord;
import dev.trireme.protocol.Stored.GenerationRecord;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How a formation comes to be: its ranks are ordered, start, tell each other how they are reached,
 * and train once all are ready. Owned by a {@link JobRun}.
 */
final class Forming {
  private final LifeState life;
  private final Recovery recovery;
  private final Breaking breaking;
  private final Ending ending;
  private Rendezvous rendezvous = new Rendezvous(0);
  private Optional<Backing> backing = Optional.empty();
  private Optional<String> backendRefusal = Optional.empty();

  Forming(LifeState life, Recovery recovery, Breaking breaking, Ending ending) {
    this.life = life;
    this.recovery = recovery;
    this.breaking = breaking;
    this.ending = ending;
  }

  /** What its formation is backed by; empty before the first. */
  Optional<Backing> backing() {
    return backing;
  }

  /** Why a backend could not be started for it. */
  Optional<String> backendRefusal() {
    return backendRefusal;
  }

  /**
   * Orders its ranks; see {@link JobRun#form}.
   *
   * @throws dev.trireme.coordinator.CoordinatorException when that cannot be made durable; nothing
   *     has changed then
   */
  void form(Form decision, Map<String, String> hosts, long generation, long frames, Backing backs) {
    StateSource source =
        decision.source().equals(StateSource.JOB) && Records.everReady(life.record())
            ? StateSource.CHECKPOINT
            : decision.source();
    Formation formation = new Formation(generation, decision.placements(), hosts);
    FormationRecord order =
        new FormationRecord(
            generation,
            formation.places(),
            backs,
            frames,
            decision.survivors().entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .map(s -> new CoordinatorToAgent.Survivor(s.getKey(), s.getValue()))
                .toList(),
            source);
    // Durable before anybody obeys: the next coordinator must know of every rank there can be.
    life.moveSurely(
        Records.formed(life.record(), order, formation.worldSize()),
        JobState.STARTING,
        decision.reason());
    backing = Optional.of(backs);
    rendezvous = new Rendezvous(formation.worldSize());
    recovery.ordered(source);
    List<Share> before = life.isFormed() ? life.formation().shares() : List.of();
    if (life.isFormed()) {
      formation.continues(life.formation(), decision.survivors());
    }
    life.formed(formation);
    life.deadlines().endAll();
    life.deadlines().begin(Wait.START, life.timing().start());
    life.commands().startRanks(order);
    endLeftOut(before, decision.placements());
  }

  /** An agent that has no part in the new formation hears of it only so. */
  private void endLeftOut(List<Share> before, List<Placement> placements) {
    String why = "generation " + life.formation().generation() + " does without it";
    for (Share share : before) {
      if (placements.stream().noneMatch(p -> p.agentId().equals(share.agentId()))) {
        life.commands().endRanksOn(share.agentId(), life.timing().endGrace(), why);
      }
    }
  }

  /** Goes on with a formation that another coordinator has ordered. */
  void restore(FormationRecord order) {
    backing = Optional.of(order.backing());
    recovery.ordered(order.source());
    life.formed(Formation.of(order));
    rendezvous = new Rendezvous(life.formation().worldSize());
  }

  /** A rank's process has been started. */
  void onStarted(long generation, Formation.Rank rank, long pid) {
    if (rank.pid() >= 0) {
      return;
    }
    rank.startedAs(pid);
    if (life.allRanks(r -> r.pid() >= 0)) {
      recovery.formed();
      life.publish(
          (id, now) ->
              new JobEvent.Formed(
                  id, now, generation, life.formation().processes(), backing.orElse(Backing.HOST)));
    }
  }

  /** A process became a rank of an older formation, as is told to a coordinator that is new. */
  void onStartedBefore(long generation, int number, long pid) {
    if (life.isFormed()) {
      life.formation().startedBefore(generation, number, pid);
    }
  }

  /** A rank says how it is reached. */
  void onContact(int rank, RankReport.Contact contact) {
    if (!life.is(JobState.STARTING)) {
      return;
    }
    if (rendezvous.isEmpty()) {
      life.deadlines().begin(Wait.CONTACTS, breaking.collectiveDeadline());
    }
    rendezvous
        .said(rank, contact.contact())
        .ifPresent(
            all -> {
              life.deadlines().end(Wait.CONTACTS);
              life.commands().dealContacts(all);
            });
  }

  /** The ranks that have not said how they are reached. */
  List<Integer> silent() {
    return rendezvous.silent();
  }

  /** All ranks are to be formed anew with another backend, or the job ends if it wants this one. */
  void onBackendRefused(int rank, String why) {
    if (life.isSettled() || life.is(JobState.RECOVERING)) {
      return;
    }
    String sentence =
        backing.map(b -> b.backend().name()).orElse("the backend")
            + " cannot start on rank "
            + rank
            + ": "
            + why;
    if (life.cancelled().isPresent()
        || life.record().job().parallel().backend() != ParallelSpec.BackendKind.AUTO
        || backendRefusal.isPresent()) {
      ending.breakOff(
          life.cancelled().map(Outcome::cancelled).orElseGet(() -> Outcome.failed(sentence, false)),
          sentence);
      return;
    }
    backendRefusal = Optional.of(sentence);
    recovery.planned();
    breaking.leave(sentence, sentence + "; goes on over Aeron");
    breaking.gatherIfOut();
  }

  /**
   * A host did not start its ranks, for it lacks what new ones need: they are formed elsewhere.
   * Survivors that wait there need it no more, and go on.
   */
  void onHostRefused(String agentId, String why) {
    if (!life.formation().refusedBy(agentId, why)) {
      // Another coordinator may have known of survivors there: nobody will come for them.
      life.commands().endRanksOn(agentId, life.timing().endGrace(), why);
    }
    if (life.isSettled()) {
      ending.endIfAllGone();
    } else if (life.is(JobState.RECOVERING)) {
      breaking.gatherIfOut();
    } else if (life.cancelled().isPresent()) {
      ending.breakOff(Outcome.cancelled(life.cancelled().get()), why);
    } else {
      recovery.planned();
      breaking.leave(why, why + "; seeks other hosts");
      breaking.gatherIfOut();
    }
  }

  /**
   * A rank is ready.
   *
   * @return whether the job trains from now on, for it was the last
   */
  boolean onReady(int number, Formation.Rank rank, RankReport.Ready ready) {
    rank.ready(ready);
    Formation formation = life.formation();
    // Servers, behind the workers, know neither the data nor the plan.
    boolean works = number < formation.worldSize() - life.record().job().parallel().servers();
    if (works && Records.newest(life.record()).filter(g -> g.firstStep().isEmpty()).isPresent()) {
      life.change(Records.startingAt(life.record(), ready.progress().step() + 1));
      life.store();
      life.figures().ready(ready);
    } else if (works && life.figures().plan().isEmpty()) {
      // Another coordinator has stored where the generation begins.
      life.figures().ready(ready);
    }
    long generation = formation.generation();
    if (number == 0 && ready.restoredFrom().isEmpty() && ready.progress().step() == 0) {
      recovery.restoredNothing();
    }
    // A rank may say it again, to another coordinator, when it has saved more since.
    Records.ownCheckpoint(life.record(), ready.restoredFrom())
        .filter(
            step -> Records.newest(life.record()).flatMap(GenerationRecord::savedStep).isEmpty())
        .ifPresent(
            step -> {
              life.change(Records.saved(life.record(), generation, step));
              life.store();
            });
    if (works) {
      life.publish((id, now) -> new JobEvent.RankReady(id, now, generation, number, ready));
    }
    if (!life.is(JobState.STARTING) || !formation.all(r -> r.ready().isPresent())) {
      return false;
    }
    life.deadlines().end(Wait.START);
    recovery.restored();
    life.move(JobState.RUNNING, "all ranks are ready");
    return true;
  }
}
