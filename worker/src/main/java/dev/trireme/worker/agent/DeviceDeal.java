package dev.trireme.worker.agent;

import dev.trireme.protocol.HostDevice;
import dev.trireme.protocol.HostDevice.Link;
import dev.trireme.protocol.HostDevice.LinkKind;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Decides which of a host's CUDA devices a process gets. Pure.
 *
 * <p>Devices are put in an order in which those that are best joined come first: the first pair is
 * the one with the fastest link, and each that follows is the one with the fastest links to those
 * before it. So the processes of a small job, which take devices from the front, talk over NVLink
 * where the host has any. Cost: O(devices^3), of at most {@value HostDevice#MAX}.
 */
public final class DeviceDeal {
  private DeviceDeal() {}

  /**
   * The order in which devices are dealt; of devices alike, the lower index first.
   *
   * @param devices in any order
   */
  public static List<HostDevice> order(List<HostDevice> devices) {
    List<HostDevice> left = new ArrayList<>(devices);
    left.sort(Comparator.comparingInt(HostDevice::index));
    List<HostDevice> order = new ArrayList<>();
    while (!left.isEmpty()) {
      HostDevice best = left.get(0);
      long most = -1;
      for (HostDevice candidate : left) {
        long speed = order.isEmpty() ? fastest(candidate) : sum(candidate, order);
        if (speed > most) {
          most = speed;
          best = candidate;
        }
      }
      order.add(best);
      left.remove(best);
    }
    return List.copyOf(order);
  }

  /**
   * The device for one more process: of those that the fewest have, the first.
   *
   * @param devices in the order in which they are dealt
   * @param taken those that processes have, once for each process
   * @return empty when there are none
   */
  static Optional<HostDevice> next(List<HostDevice> devices, List<HostDevice> taken) {
    return devices.stream()
        .min(
            Comparator.comparingLong(
                d -> taken.stream().filter(t -> t.uuid().equals(d.uuid())).count()));
  }

  /** What CUDA_VISIBLE_DEVICES is to say, so that a process sees this device alone. */
  public static String visible(HostDevice device) {
    return device.uuid().isEmpty() ? Integer.toString(device.index()) : device.uuid();
  }

  private static long fastest(HostDevice device) {
    return device.links().stream().mapToLong(DeviceDeal::speed).max().orElse(0);
  }

  private static long sum(HostDevice device, List<HostDevice> others) {
    return device.links().stream()
        .filter(l -> others.stream().anyMatch(o -> o.index() == l.peer()))
        .mapToLong(DeviceDeal::speed)
        .sum();
  }

  /** No figure of a link's, only an order: one NVLink is worth more than any way over PCIe. */
  private static long speed(Link link) {
    return link.kind() == LinkKind.NVLINK
        ? 100L * Math.max(1, link.count())
        : LinkKind.UNKNOWN.ordinal() - link.kind().ordinal();
  }
}
