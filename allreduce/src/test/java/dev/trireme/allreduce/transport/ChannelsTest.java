package dev.trireme.allreduce.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.allreduce.Endpoint;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChannelsTest {
  private static final Endpoint LOOPBACK = new Endpoint("a", "127.0.0.1:4000", 65504);
  private static final Endpoint ETHERNET = new Endpoint("b", "10.0.0.7:4000", 1440);

  @TempDir Path directory;

  @Test
  void shouldSendFramesThatEveryInterfaceTakes() {
    assertThat(Channels.of(List.of(LOOPBACK, LOOPBACK), 1).mtu()).isEqualTo(65504);
    assertThat(Channels.of(List.of(LOOPBACK, ETHERNET), 1).mtu()).isEqualTo(1440);
  }

  @Test
  void shouldShareTheSocketBufferAmongThoseWhoSend() {
    Channels channels = Channels.of(List.of(ETHERNET), 63);
    assertThat(63L * channels.window()).isLessThanOrEqualTo(channels.socketBuffer());
    assertThat(channels.window()).isGreaterThan(channels.mtu());
  }

  @Test
  void shouldSayBothNumbersAndTheSettingWhereLogsHaveNoRoom() {
    assertThatThrownBy(() -> LogRoom.require(directory, Long.MAX_VALUE))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(Long.toString(Long.MAX_VALUE))
        .hasMessageContaining("bytes are free")
        .hasMessageContaining("--shm-size");
    LogRoom.require(directory, 1);
  }
}
