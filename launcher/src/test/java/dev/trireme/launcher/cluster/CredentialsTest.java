package dev.trireme.launcher.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import dev.trireme.launcher.control.ApiClient;
import dev.trireme.launcher.control.ApiServer;
import dev.trireme.launcher.control.ControlClient.UnreachableException;
import dev.trireme.launcher.control.FileStore;
import dev.trireme.launcher.control.Tls;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CredentialsTest {
  /** Older JDKs hang up, newer ones say why. */
  private static final String REFUSAL = "handshake|protocol_version";

  @TempDir static Path directory;
  private static Path ours;
  private static Path theirs;

  @BeforeAll
  static void makeTwo() throws Exception {
    ours = directory.resolve("ours");
    theirs = directory.resolve("theirs");
    CredentialsMaker.make(ours);
    CredentialsMaker.make(theirs);
  }

  @Test
  void shouldLetNobodyElseReadSecrets() throws IOException {
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(ours)))
        .isEqualTo("rwx------");
    for (String secret : List.of("ca-key.pem", "node-key.pem", "api-token")) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(ours.resolve(secret))))
          .as(secret)
          .isEqualTo("rw-------");
    }
    assertThat(Files.readString(ours.resolve("api-token")))
        .isNotEqualTo(Files.readString(theirs.resolve("api-token")));
  }

  @Test
  void shouldRefuseSecretsThatOthersCanRead() throws Exception {
    Path copy = Files.createDirectory(directory.resolve("copy"));
    Files.writeString(copy.resolve("api-token"), "0".repeat(64));
    Files.setPosixFilePermissions(
        copy.resolve("api-token"), PosixFilePermissions.fromString("rw-r-----"));

    assertThatThrownBy(() -> Credentials.ofUser(copy))
        .isInstanceOf(Credentials.UnusableException.class)
        .hasMessageContaining("api-token: other users")
        .hasMessageContaining("chmod 600");
  }

  @Test
  void shouldSayWhatIsMissing() {
    assertThatThrownBy(() -> Credentials.ofNode(directory.resolve("nowhere")))
        .isInstanceOf(Credentials.UnusableException.class)
        .hasMessageContaining("node-key.pem")
        .hasMessageContaining("trireme cluster init");
  }

  @Test
  void shouldNotOverwriteCredentials() {
    assertThatThrownBy(() -> CredentialsMaker.make(ours))
        .isInstanceOf(Credentials.UnusableException.class)
        .hasMessageContaining("is not empty");
  }

  @Test
  void shouldTrustTheClustersAuthorityAndNoOther() throws Exception {
    try (ApiServer server = serve()) {
      String address = "127.0.0.1:" + server.address().getPort();

      assertThatThrownBy(() -> ask(address, ours))
          .isInstanceOf(UnreachableException.class)
          .hasMessageContaining("stands by");
      assertThatThrownBy(() -> ask(address, theirs))
          .isInstanceOf(UnreachableException.class)
          .hasMessageContaining("PKIX path building failed");
    }
  }

  private static ApiServer serve() throws Exception {
    Credentials node = Credentials.ofNode(ours);
    return ApiServer.start(
        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
        Optional.of(Tls.server(node.tls().orElseThrow())),
        node.token(),
        Optional::empty,
        directory::resolve,
        new FileStore(directory));
  }

  @ParameterizedTest
  @CsvSource({"TLSv1.3, true", "TLSv1.2, false"})
  void shouldServeOverTheNewestTlsAlone(String protocol, boolean served) throws Exception {
    SSLContext context = Tls.client(ours.resolve("ca.pem"));
    try (ApiServer server = serve();
        SSLSocket socket =
            (SSLSocket)
                context.getSocketFactory().createSocket("127.0.0.1", server.address().getPort())) {
      socket.setEnabledProtocols(new String[] {protocol});
      if (served) {
        socket.startHandshake();
        assertThat(socket.getSession().getProtocol()).isEqualTo(protocol);
      } else {
        assertThatThrownBy(socket::startHandshake)
            .isInstanceOf(SSLException.class)
            .hasMessageFindingMatch(REFUSAL);
      }
    }
  }

  @Test
  void shouldNotGiveTheTokenAwayOverOlderTls() throws Exception {
    // The JDK's servers read their deadlines when the first is made, for all of this process.
    serve().close();
    SSLContext context = Tls.server(Credentials.ofNode(ours).tls().orElseThrow());
    HttpsServer old =
        HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1);
    old.setHttpsConfigurator(
        new HttpsConfigurator(context) {
          @Override
          public void configure(HttpsParameters connection) {
            SSLParameters parameters = context.getDefaultSSLParameters();
            parameters.setProtocols(new String[] {"TLSv1.2"});
            connection.setSSLParameters(parameters);
          }
        });
    old.createContext(
        "/",
        exchange -> {
          exchange.sendResponseHeaders(404, -1);
          exchange.close();
        });
    old.start();
    try {
      assertThatThrownBy(() -> ask("127.0.0.1:" + old.getAddress().getPort(), ours))
          .isInstanceOf(UnreachableException.class)
          .hasMessageFindingMatch(REFUSAL);
    } finally {
      old.stop(0);
    }
  }

  private static void ask(String address, Path trusted) throws Exception {
    Credentials user = Credentials.ofUser(trusted);
    ApiClient.of(List.of(address), user.authority(), user.token(), Duration.ZERO).jobs();
  }
}
