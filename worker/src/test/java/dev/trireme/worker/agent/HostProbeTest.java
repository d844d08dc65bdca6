package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.Probe.Target;
import dev.trireme.protocol.Probe.Way;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class HostProbeTest {
  @Test
  void shouldMeasureTheWayToAnotherHost() throws Exception {
    try (HostProbe here = HostProbe.open("127.0.0.1", 7);
        HostProbe there = HostProbe.open("127.0.0.1", 7)) {
      Way way = wayFrom(here, there);
      assertThat(way.failure()).isEmpty();
      assertThat(way.to()).isEqualTo("b");
      assertThat(way.roundTripMicros()).isPositive();
      assertThat(way.bytesPerSecond()).isPositive();
      assertThat(way.tcpFailure()).isEmpty();
      assertThat(way.tcpBytesPerSecond()).isPositive();
      assertThat(way.lost()).isBetween(0.0, 1.0);
      assertThat(Math.abs(way.clockAheadMicros())).as("one clock").isLessThan(1_000_000);
    }
  }

  @Test
  void shouldAnswerNobodyWhoDoesNotKnowTheSecret() throws Exception {
    try (HostProbe here = HostProbe.open("127.0.0.1", 7);
        HostProbe there = HostProbe.open("127.0.0.1", 8)) {
      Way way = wayFrom(here, there);
      assertThat(way.failure()).contains("no answer").contains(there.address());
      assertThat(way.roundTripMicros()).isNaN();
      assertThat(way.tcpFailure()).contains("no way over TCP").contains(there.address());
      assertThat(way.tcpBytesPerSecond()).isNaN();
    }
  }

  /** As a firewall does that lets datagrams pass alone. */
  @Test
  void shouldTellOfAWayThatHasNoTcp() throws Exception {
    InetSocketAddress to;
    try (ServerSocket gone = new ServerSocket(0)) {
      to = new InetSocketAddress("127.0.0.1", gone.getLocalPort());
    }
    TcpProbe.Outcome outcome = TcpProbe.measure(to.getAddress(), to, 7);
    assertThat(outcome.failure()).contains(to.toString()).contains("a firewall must let them");
  }

  /** One that says nothing must not keep others waiting for good. */
  @Test
  void shouldMeasureThoughAStrangerHoldsTheDoor() throws Exception {
    try (HostProbe there = HostProbe.open("127.0.0.1", 7)) {
      String address = there.address();
      int port = Integer.parseInt(address.substring(address.indexOf(':') + 1));
      InetSocketAddress to = new InetSocketAddress("127.0.0.1", port);
      try (Socket silent = new Socket(to.getAddress(), port)) {
        assertThat(silent.isConnected()).isTrue();
        assertThat(TcpProbe.measure(to.getAddress(), to, 7).failure()).isEmpty();
      }
    }
  }

  private static Way wayFrom(HostProbe here, HostProbe there) throws Exception {
    CompletableFuture<List<Way>> ways = new CompletableFuture<>();
    here.run(List.of(new Target("b", there.address())), ways::complete);
    return ways.get(30, TimeUnit.SECONDS).get(0);
  }
}
