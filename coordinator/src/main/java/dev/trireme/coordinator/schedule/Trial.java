package dev.trireme.coordinator.schedule;

import dev.trireme.coordinator.schedule.Scheduler.Held;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import java.util.List;

/**
 * How many ranks would fit if some that run were gone, on all agents or on one. Each change costs
 * O(agents of the job).
 */
final class Trial {
  private final Room room;
  private final Need need;
  private final int only;
  private final int[] free;
  private final int[] cuda;
  private int fits;

  /**
   * @param only the agent that counts, by its place; -1 for all
   */
  Trial(Room room, Need need, int only) {
    this.room = room;
    this.need = need;
    this.only = only;
    int agents = only < 0 ? room.size() : 1;
    free = new int[agents];
    cuda = new int[agents];
    for (int k = 0; k < agents; k++) {
      free[k] = room.free(only < 0 ? k : only);
      cuda[k] = room.cudaFree(only < 0 ? k : only);
      fits += fits(k);
    }
  }

  int only() {
    return only;
  }

  int fits() {
    return fits;
  }

  private int fits(int k) {
    return room.fits(only < 0 ? k : only, need, free[k], cuda[k]);
  }

  /**
   * Some ranks go.
   *
   * @param skip so many of its last ranks
   * @param count those before them
   */
  void release(RunningJob job, int skip, int count) {
    change(job, skip, count, 1);
  }

  /** They stay after all. */
  void retake(RunningJob job, int skip, int count) {
    change(job, skip, count, -1);
  }

  private void change(RunningJob job, int skip, int count, int sign) {
    List<Held> held = job.held();
    int before = 0;
    for (int h = held.size() - 1; h >= 0 && before < skip + count; h--) {
      Held each = held.get(h);
      int from = Math.max(skip, before);
      int to = Math.min(skip + count, before + each.ranks());
      int i = room.indexOf(each.agentId());
      if (to > from && i >= 0 && (only < 0 || i == only)) {
        int k = only < 0 ? i : 0;
        fits -= fits(k);
        free[k] += sign * (to - from) * (each.slots() / each.ranks());
        cuda[k] += sign * (to - from) * (each.cuda() / each.ranks());
        fits += fits(k);
      }
      before += each.ranks();
    }
  }
}
