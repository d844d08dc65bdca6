package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.HostDevice;
import dev.trireme.worker.channel.Bootstrap;
import dev.trireme.worker.channel.ChannelAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a process finds that an agent has started. */
class RankProcessTest {
  @TempDir Path nothing;

  /** Says what it was shown. */
  static final class Main {
    private Main() {}

    public static void main(String[] arguments) {
      System.out.println("sees " + System.getenv("CUDA_VISIBLE_DEVICES"));
    }
  }

  @Test
  void shouldShowEachProcessTheDeviceItWasDealtAlone() throws Exception {
    List<HostDevice> devices = List.of(device("GPU-2"), device("GPU-3"));
    assertThat(seenWith(DeviceDeal.next(devices, List.of()))).contains("sees GPU-2");
    assertThat(seenWith(DeviceDeal.next(devices, List.of(devices.get(0))))).contains("sees GPU-3");
    String own = System.getenv("CUDA_VISIBLE_DEVICES");
    assertThat(seenWith(Optional.empty())).contains("sees " + own);
  }

  private List<String> seenWith(Optional<HostDevice> device) throws Exception {
    RankCommand command =
        new RankCommand(
            Path.of(System.getProperty("java.home"), "bin", "java"),
            List.of(),
            System.getProperty("java.class.path"),
            Main.class.getName(),
            Map.of());
    Bootstrap bootstrap = new Bootstrap(0, new ChannelAddress(nothing.toString(), 1, 2), 3);
    RankProcess process =
        RankProcess.start(command, bootstrap, nothing, OptionalInt.empty(), device);
    try {
      assertThat(process.exited().get(60, TimeUnit.SECONDS)).isZero();
      assertThat(process.device()).isEqualTo(device);
      return process.log().lastLines();
    } finally {
      process.kill();
    }
  }

  private static HostDevice device(String uuid) {
    return new HostDevice(0, uuid, "A device", 1, 1, "", List.of());
  }
}
