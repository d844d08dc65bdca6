package dev.trireme.launcher.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.coordinator.CoordinatorConfig;
import dev.trireme.coordinator.CoordinatorNode;
import dev.trireme.launcher.control.Tls;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who can speak to a coordinator's control plane. */
class ControlPlaneTlsTest {
  @TempDir Path directory;

  @Test
  void shouldSpeakToThoseWithItsCredentialsAlone() throws Exception {
    Path ours = directory.resolve("ours");
    Path theirs = directory.resolve("theirs");
    CredentialsMaker.make(ours);
    CredentialsMaker.make(theirs);
    try (CoordinatorNode node =
        CoordinatorNode.start(
            new CoordinatorConfig(
                "c",
                "127.0.0.1",
                0,
                directory.resolve("state"),
                CoordinatorConfig.Timing.DEFAULT,
                Credentials.ofNode(ours).tls(),
                List.of()))) {
      int port = HostPort.of(node.address()).port();

      // Whoever may speak is listened to: the other side says nothing first.
      SSLContext member = Tls.server(Credentials.ofNode(ours).tls().orElseThrow());
      assertThatThrownBy(() -> hear(member, port)).isInstanceOf(SocketTimeoutException.class);

      SSLContext nobody = Tls.client(ours.resolve("ca.pem"));
      assertThat(isShutOut(nobody, port)).isTrue();
      SSLContext stranger = Tls.server(Credentials.ofNode(theirs).tls().orElseThrow());
      assertThat(isShutOut(stranger, port)).isTrue();
    }
  }

  @Test
  void shouldNotLeaveLoopbackWithoutCredentials() {
    CoordinatorConfig open =
        new CoordinatorConfig(
            "c",
            "0.0.0.0",
            0,
            directory.resolve("open"),
            CoordinatorConfig.Timing.DEFAULT,
            Optional.empty(),
            List.of());
    assertThatThrownBy(() -> CoordinatorNode.start(open))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("expected credentials to listen on 0.0.0.0");
  }

  private static boolean isShutOut(SSLContext context, int port) throws IOException {
    try {
      return hear(context, port) < 0;
    } catch (SocketTimeoutException e) {
      return false;
    } catch (IOException e) {
      return true;
    }
  }

  private static int hear(SSLContext context, int port) throws IOException {
    try (SSLSocket socket =
        (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", port)) {
      socket.setSoTimeout(3000);
      socket.getOutputStream().write(0);
      socket.getOutputStream().flush();
      return socket.getInputStream().read();
    }
  }
}
