package dev.trireme.coordinator.schedule;

/**
 * What an agent has, and what of it is free.
 *
 * <p>A slot stands for an equal share of the host: with 8 slots on 16 cores and 64 GiB, for 2 cores
 * and 8 GiB. A rank that asks for more takes as many slots as that comes to. So a job that asks for
 * nothing and one that asks for much share a host by one number; what rounding up costs is at most
 * a slot a rank.
 *
 * @param host its host's name
 * @param slots it has, at least 0
 * @param free of those, within {@code 0..slots}
 * @param cudaSlots ranks that may compute on its CUDA devices at once
 * @param cudaFree of those, within {@code 0..cudaSlots}
 * @param cores of the host; 0 when unknown, which then limits nobody
 * @param memory of the host in bytes; 0 when unknown, which then limits nobody
 * @param deviceMemory of its smallest CUDA device, in bytes
 */
public record AgentRoom(
    String agentId,
    String host,
    int slots,
    int free,
    int cudaSlots,
    int cudaFree,
    int cores,
    long memory,
    long deviceMemory) {
  /** One without CUDA devices, of which nothing but its slots is known. */
  public AgentRoom(String agentId, String host, int slots, int free) {
    this(agentId, host, slots, free, 0, 0, 0, 0, 0);
  }

  /** Slots that each rank takes here; 0 when none can be here at all. */
  public int slotsFor(Need need) {
    if (need.isPlain()) {
      return need.cuda() && cudaSlots == 0 || slots == 0 ? 0 : 1;
    }
    if (need.cuda() && (cudaSlots == 0 || need.deviceMemory() > deviceMemory)) {
      return 0;
    }
    long most = 1;
    if (cores > 0) {
      most = Math.max(most, share(need.cores(), cores));
    }
    if (memory > 0) {
      most = Math.max(most, share(need.memory(), memory));
    }
    return most > slots ? 0 : (int) most;
  }

  /** How many slots' worth of what there is in all this is. */
  private long share(long asked, long all) {
    return asked > all ? slots + 1L : (long) Math.ceil((double) asked * slots / all);
  }

  /** Ranks that fit into what is free. */
  public int fits(Need need) {
    return fits(need, free, cudaFree);
  }

  /** Ranks that fit when it is empty. */
  public int holds(Need need) {
    return fits(need, slots, cudaSlots);
  }

  int fits(Need need, int freeSlots, int freeCuda) {
    int each = slotsFor(need);
    if (each == 0) {
      return 0;
    }
    return need.cuda() ? Math.min(freeSlots / each, freeCuda) : freeSlots / each;
  }
}
