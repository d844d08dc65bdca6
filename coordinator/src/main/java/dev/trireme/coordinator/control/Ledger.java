package dev.trireme.coordinator.control;

import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.coordinator.ClusterStatus;
import dev.trireme.coordinator.life.JobRun;
import dev.trireme.coordinator.life.JobRun.Holding;
import dev.trireme.coordinator.schedule.AgentRoom;
import dev.trireme.coordinator.schedule.Need;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.Scheduler.Held;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import dev.trireme.coordinator.schedule.Share;
import dev.trireme.protocol.Stored.JobRecord;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Who has which slots at a moment, and what is free: the jobs' own accounts added up, so that no
 * second book can differ from them. To make one costs O(jobs + agents).
 *
 * @param running jobs that hold slots, or lack some to go on; oldest first
 * @param agents in order of their names
 */
record Ledger(List<RunningJob> running, List<AgentRoom> agents) {
  static Ledger of(AgentTable table, Collection<Job> live) {
    Map<String, AgentRoom> rooms = new LinkedHashMap<>();
    table.empty().forEach(room -> rooms.put(room.agentId(), room));
    List<RunningJob> running = new ArrayList<>();
    for (Job job : live) {
      job.run().holding().ifPresent(holding -> running.add(running(job, holding, rooms)));
    }
    for (RunningJob job : running) {
      for (Held held : job.held()) {
        rooms.computeIfPresent(held.agentId(), (id, room) -> without(room, held));
      }
    }
    return new Ledger(running, List.copyOf(rooms.values()));
  }

  private static RunningJob running(Job job, Holding holding, Map<String, AgentRoom> rooms) {
    JobRun run = job.run();
    JobRecord record = run.record();
    Need need = job.need();
    List<Held> held = new ArrayList<>();
    for (Share there : holding.shares()) {
      AgentRoom room = rooms.get(there.agentId());
      // An agent that came back with less than it had: what is there stays there.
      int each = room == null ? 1 : Math.max(1, room.slotsFor(need));
      boolean cuda = need.device() == DeviceKind.CUDA;
      int ranks = there.slots();
      held.add(new Held(there.agentId(), ranks, ranks * each, cuda ? ranks : 0));
    }
    return new RunningJob(
        record.jobId(),
        record.job().parallel().ranks(),
        need,
        record.job().queue().priority(),
        record.user(),
        held,
        holding.target(),
        holding.settled(),
        holding.lacking(),
        job.spans());
  }

  private static AgentRoom without(AgentRoom room, Held held) {
    return new AgentRoom(
        room.agentId(),
        room.host(),
        room.slots(),
        Math.max(0, room.free() - held.slots()),
        room.cudaSlots(),
        Math.max(0, room.cudaFree() - held.cuda()),
        room.cores(),
        room.memory(),
        room.deviceMemory());
  }

  /** The agents as a job sees them: in ranks of that job. */
  List<AgentSlots> slotsFor(Need need) {
    return agents.stream()
        .map(a -> new AgentSlots(a.agentId(), a.host(), a.fits(need), a.holds(need)))
        .toList();
  }

  /** The same, for people. */
  List<ClusterStatus.Agent> status() {
    return agents.stream()
        .map(
            a ->
                new ClusterStatus.Agent(
                    a.agentId(),
                    a.host(),
                    a.slots(),
                    a.free(),
                    a.cudaSlots(),
                    a.cudaFree(),
                    a.cores(),
                    a.memory()))
        .toList();
  }
}
