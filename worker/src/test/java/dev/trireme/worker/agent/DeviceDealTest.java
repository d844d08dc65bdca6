package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.HostDevice;
import dev.trireme.protocol.HostDevice.Link;
import dev.trireme.protocol.HostDevice.LinkKind;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class DeviceDealTest {
  /** Two boards with NVLink between 0 and 3, and between 1 and 2; the rest over the CPUs. */
  private static final List<HostDevice> PAIRS =
      List.of(device(0, 3, 4), device(1, 2, 12), device(2, 1, 12), device(3, 0, 4));

  @Test
  void shouldDealDevicesFirstThatNvlinkJoins() {
    assertThat(DeviceDeal.order(PAIRS)).extracting(HostDevice::index).containsExactly(1, 2, 0, 3);
  }

  @Test
  void shouldKeepTheDriversOrderWhereAllAreAlike() {
    List<HostDevice> alike = List.of(alone(2), alone(0), alone(1));
    assertThat(DeviceDeal.order(alike)).extracting(HostDevice::index).containsExactly(0, 1, 2);
  }

  @Test
  void shouldGiveEachProcessADeviceOfItsOwnForAsLongAsThereAreAny() {
    List<HostDevice> devices = List.of(alone(0), alone(1));
    List<HostDevice> taken = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      taken.add(DeviceDeal.next(devices, taken).orElseThrow());
    }
    assertThat(taken).extracting(HostDevice::index).containsExactly(0, 1, 0);
    assertThat(DeviceDeal.next(devices, List.of(alone(0)))).hasValue(alone(1));
    assertThat(DeviceDeal.next(List.of(), taken)).isEmpty();
  }

  private static HostDevice device(int index, int joined, int links) {
    List<Link> all = new ArrayList<>();
    for (int peer = 0; peer < 4; peer++) {
      if (peer == joined) {
        all.add(new Link(peer, LinkKind.NVLINK, links));
      } else if (peer != index) {
        all.add(new Link(peer, LinkKind.SYSTEM, 0));
      }
    }
    return new HostDevice(index, "GPU-" + index, "A device", 1, 1, "", all);
  }

  private static HostDevice alone(int index) {
    return new HostDevice(index, "GPU-" + index, "A device", 1, 1, "", List.of());
  }
}
