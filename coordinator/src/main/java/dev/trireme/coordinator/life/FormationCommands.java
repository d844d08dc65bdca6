package dev.trireme.coordinator.life;

import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.Stored.FormationRecord;
import dev.trireme.protocol.Stored.GenerationRecord;
import dev.trireme.protocol.Stored.JobRecord;
import java.time.Duration;
import java.util.List;

/** What a job tells the agents of one of its formations, all under the same stamp. */
final class FormationCommands {
  private static final int MAX_GENERATIONS = 1000;

  private final JobEffects effects;
  private final JobRecord job;
  private final Formation formation;

  FormationCommands(JobEffects effects, JobRecord job, Formation formation) {
    this.effects = effects;
    this.job = job;
    this.formation = formation;
  }

  /** Each agent is to make its ranks, of survivors and new processes. */
  void startRanks(FormationRecord order) {
    formation.placements().forEach(placement -> startRanks(placement, order));
  }

  /** The same of one agent, which does nothing about ranks that it has made already. */
  void startRanksOf(String agentId, FormationRecord order) {
    formation.placements().stream()
        .filter(placement -> placement.agentId().equals(agentId))
        .forEach(placement -> startRanks(placement, order));
  }

  private void startRanks(Placement placement, FormationRecord order) {
    effects.tell(
        placement.agentId(),
        new CoordinatorToAgent.StartRanks(
            stamp(),
            job.jobId(),
            job.job(),
            job.resolvedSpec(),
            job.runDirectory(),
            formation.worldSize(),
            placement.ranks(),
            order.frames(),
            order.survivors().stream().filter(s -> placement.ranks().contains(s.rank())).toList(),
            order.source(),
            order.backing(),
            earlier()));
  }

  /** Those before this one; checkpoints of the oldest were pruned long ago. */
  private List<GenerationRecord> earlier() {
    List<GenerationRecord> all =
        job.generations().stream().filter(g -> g.generation() < formation.generation()).toList();
    return all.subList(Math.max(0, all.size() - MAX_GENERATIONS), all.size());
  }

  /** Its process is to go at once, whatever it does. */
  void kill(int rank, String reason) {
    for (Placement placement : formation.placements()) {
      if (placement.ranks().contains(rank)) {
        effects.tell(
            placement.agentId(),
            new CoordinatorToAgent.EndRanks(stamp(), job.jobId(), 0, reason, List.of(rank)));
      }
    }
  }

  /** So many idle processes are to be ready on an agent, which may have no rank of it yet. */
  void prepareRanks(String agentId, int count) {
    effects.tell(agentId, new CoordinatorToAgent.PrepareRanks(stamp(), job.jobId(), count));
  }

  void stopAfterStep(String reason) {
    tellAll(new AgentToRank.StopAfterStep(stamp(), reason));
  }

  /** Before {@link #stopAfterStep}: a rank that hears of this saves and stops after one step. */
  void checkpointAfterStep() {
    tellAll(new AgentToRank.CheckpointAfterStep(stamp()));
  }

  /**
   * @param contacts in order of rank
   */
  void dealContacts(List<String> contacts) {
    tellAll(new AgentToRank.Contacts(stamp(), contacts));
  }

  void abort(String reason) {
    tellAll(new AgentToRank.AbortGeneration(stamp(), reason));
  }

  void release() {
    tellAll(new AgentToRank.Release());
  }

  /**
   * @param refusal why not, empty when granted
   */
  void grantCheckpoint(long step, String refusal) {
    for (Placement placement : formation.placements()) {
      if (placement.ranks().contains(0)) {
        answerCheckpoint(placement.agentId(), step, refusal);
      }
    }
  }

  /** For rank 0 of a generation that is over: who waits for a grant must not wait in vain. */
  void refuseCheckpoint(String agentId, long step, String refusal) {
    answerCheckpoint(agentId, step, refusal);
  }

  private void answerCheckpoint(String agentId, long step, String refusal) {
    effects.tell(
        agentId,
        new CoordinatorToAgent.TellRanks(
            stamp(),
            job.jobId(),
            List.of(0),
            new AgentToRank.CheckpointGrant(stamp(), step, refusal.isEmpty(), refusal)));
  }

  /** All that the job still has on an agent, of whatever formation, is to end. */
  void endRanksOn(String agentId, Duration grace, String reason) {
    effects.tell(
        agentId, new CoordinatorToAgent.EndRanks(stamp(), job.jobId(), grace.toMillis(), reason));
  }

  void endRanks(Duration grace, String reason) {
    for (Placement placement : formation.placements()) {
      effects.tell(
          placement.agentId(),
          new CoordinatorToAgent.EndRanks(stamp(), job.jobId(), grace.toMillis(), reason));
    }
  }

  private Stamp stamp() {
    return new Stamp(effects.term(), formation.generation());
  }

  private void tellAll(AgentToRank command) {
    for (Placement placement : formation.placements()) {
      effects.tell(
          placement.agentId(),
          new CoordinatorToAgent.TellRanks(stamp(), job.jobId(), List.of(), command));
    }
  }
}
