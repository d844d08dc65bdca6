package dev.trireme.launcher.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CredentialsTest {
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
    Credentials node = Credentials.ofNode(ours);
    try (ApiServer server =
        ApiServer.start(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            Optional.of(Tls.server(node.tls().orElseThrow())),
            node.token(),
            Optional::empty,
            directory::resolve,
            new FileStore(directory))) {
      String address = "127.0.0.1:" + server.address().getPort();

      assertThatThrownBy(() -> ask(address, ours))
          .isInstanceOf(UnreachableException.class)
          .hasMessageContaining("stands by");
      assertThatThrownBy(() -> ask(address, theirs))
          .isInstanceOf(UnreachableException.class)
          .hasMessageContaining("PKIX path building failed");
    }
  }

  private static void ask(String address, Path trusted) throws Exception {
    Credentials user = Credentials.ofUser(trusted);
    ApiClient.of(List.of(address), user.authority(), user.token(), Duration.ZERO).jobs();
  }
}
