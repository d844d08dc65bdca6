package dev.trireme.coordinator.schedule;

import dev.trireme.coordinator.schedule.Room.Gang;
import dev.trireme.coordinator.schedule.Scheduler.Demand;
import dev.trireme.coordinator.schedule.Scheduler.Held;
import dev.trireme.coordinator.schedule.Scheduler.Resize;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Decisions in words, as {@code job show} has them. */
final class Reasons {
  private static final int MAX_NAMED = 3;

  private Reasons() {}

  /** Why a job was given these slots. */
  static String formed(WaitingJob job, Need need, Gang gang, Room room) {
    int size = gang.size();
    String hosts =
        gang.parts().stream()
            .limit(MAX_NAMED)
            .map(part -> room.agent(part.agent()).host())
            .collect(Collectors.joining(", "));
    int count = gang.parts().size();
    String where =
        count == 1
            ? " on host " + hosts
            : " on " + count + " hosts: " + hosts + (count > MAX_NAMED ? ", ..." : "");
    String wanted = size < job.workers().max() ? " (of " + job.workers() + " wanted)" : "";
    return need.words(size) + where + wanted;
  }

  /** Why a job could not run even if nothing else did. */
  static String never(WaitingJob job, Need need, Room room) {
    String needs = "needs " + need.words(job.workers().min());
    if (room.size() == 0) {
      return needs + ", no agent has joined";
    }
    String where =
        room.size() == 1
            ? ", the one host has "
            : job.spans() ? ", the cluster has " : " on one host, the largest has ";
    return needs + where + such(need, room.capacity(need, job.spans()));
  }

  private static String such(Need need, int count) {
    return need.isPlain() ? String.valueOf(count) : "room for " + count;
  }

  /** Why the first of all that wait does, and what is done about it. */
  static String lacking(
      WaitingJob job, Need need, List<RunningJob> running, Room room, Reclaim.Result reclaimed) {
    int only = job.spans() ? -1 : reclaimed.agent();
    StringBuilder text = new StringBuilder("needs ").append(need.words(job.workers().min()));
    if (only >= 0 && room.size() > 1) {
      text.append(" on one host, ").append(room.agent(only).host()).append(" has most with ");
    } else {
      text.append(", ");
    }
    int free = only < 0 ? room.fits(need, job.spans()) : room.fits(only, need);
    text.append(such(need, free)).append(need.isPlain() ? " free" : "");
    if (!reclaimed.demands().isEmpty()) {
      text.append("; asked to make room: ").append(asked(reclaimed.demands()));
    }
    List<String> leaving = leaving(running, room, only);
    if (!leaving.isEmpty()) {
      text.append("; ").append(String.join(", ", leaving));
    } else if (reclaimed.demands().isEmpty()) {
      text.append(holders(need, running, room, only));
    }
    return text.toString();
  }

  private static String asked(List<Demand> demands) {
    return demands.stream()
            .limit(MAX_NAMED)
            .map(d -> d.jobId() + (d instanceof Resize ? " (shrinks)" : " (saves and waits again)"))
            .collect(Collectors.joining(", "))
        + more(demands.size());
  }

  private static List<String> leaving(List<RunningJob> running, Room room, int only) {
    List<String> leaving = new ArrayList<>();
    for (RunningJob job : running) {
      int gives = job.size() - job.target();
      if (gives > 0 && leaving.size() < MAX_NAMED && counts(job, room, only)) {
        leaving.add(job.jobId() + " gives up " + gives);
      }
    }
    return leaving;
  }

  private static boolean counts(RunningJob job, Room room, int only) {
    return only < 0 || job.held().stream().anyMatch(held -> room.indexOf(held.agentId()) == only);
  }

  /** Who has what is missing. */
  private static String holders(Need need, List<RunningJob> running, Room room, int only) {
    List<String> names = new ArrayList<>();
    int others = 0;
    for (RunningJob job : running) {
      int has = 0;
      for (Held held : job.held()) {
        int i = room.indexOf(held.agentId());
        boolean useful = i >= 0 && (only < 0 || i == only) && room.agent(i).slotsFor(need) > 0;
        has += useful ? need.cuda() ? held.cuda() : held.slots() : 0;
      }
      if (has > 0 && names.size() < MAX_NAMED) {
        names.add(has + (names.isEmpty() ? " held by " : " by ") + job.jobId());
      } else if (has > 0) {
        others++;
      }
    }
    if (names.isEmpty()) {
      return "";
    }
    return "; "
        + String.join(", ", names)
        + (others > 0 ? " and more by " + others + (others == 1 ? " other" : " others") : "")
        + (names.size() + others == 1 ? " until it ends" : " until they end");
  }

  private static String more(int count) {
    return count > MAX_NAMED ? " and " + (count - MAX_NAMED) + " more" : "";
  }
}
