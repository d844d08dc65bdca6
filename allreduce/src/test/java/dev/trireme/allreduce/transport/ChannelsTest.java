package dev.trireme.allreduce.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.NetworkConfig;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChannelsTest {
  private static final Endpoint LOOPBACK = new Endpoint("a", "127.0.0.1:4000", 65504, 0);
  private static final Endpoint ETHERNET = new Endpoint("b", "10.0.0.7:4000", 1440, 0);

  @TempDir Path directory;

  @Test
  void shouldSendFramesThatEveryInterfaceTakes() {
    assertThat(Channels.of(List.of(LOOPBACK, LOOPBACK)).mtu()).isEqualTo(65504);
    assertThat(Channels.of(List.of(LOOPBACK, ETHERNET)).mtu()).isEqualTo(1440);
  }

  @Test
  void shouldShareTheSocketBufferAmongThoseWhoSend() {
    Channels channels = Channels.of(Collections.nCopies(64, ETHERNET));
    assertThat(63L * channels.window()).isLessThanOrEqualTo(channels.socketBuffer());
    assertThat(channels.window()).isGreaterThan(channels.mtu());
  }

  @Test
  void shouldHaveRoomForTheLargestFramesHoweverManyRanksShareTheSocketBuffer() {
    Channels channels = Channels.of(Collections.nCopies(64, LOOPBACK));
    assertThat(channels.dataTerm() / 8).isGreaterThanOrEqualTo(channels.mtu());
    assertThat(Integer.bitCount(channels.dataTerm())).isEqualTo(1);
  }

  @Test
  void shouldAskForTheWindowWhereThePortIsOpened() {
    NetworkConfig network = new NetworkConfig("a", "127.0.0.1");
    Endpoint own = new Endpoint("a", "127.0.0.1:4000", Channels.mtuOf(network), 0);
    Channels channels = Channels.of(List.of(own, own, own));
    assertThat(Channels.doorbell(network, 5, 3)).endsWith("|rcv-wnd=" + channels.window());
    assertThat(channels.dataTerm()).isGreaterThanOrEqualTo(2 * channels.window());
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
