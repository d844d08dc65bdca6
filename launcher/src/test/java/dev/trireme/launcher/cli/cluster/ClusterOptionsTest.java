package dev.trireme.launcher.cli.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.trireme.launcher.cli.cluster.ClusterOptions.UnknownClusterException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterOptionsTest {
  /** Where nobody listens. */
  private static final String NOBODY = "127.0.0.1:1";

  @TempDir Path directory;
  private Path secure;
  private Path plain;

  @BeforeEach
  void makeCredentials() throws Exception {
    secure = Files.createDirectory(directory.resolve("secure"));
    plain = Files.createDirectory(directory.resolve("plain"));
    token(secure, "a");
    token(plain, "b");
    Files.writeString(secure.resolve("ca.pem"), "an authority");
  }

  private static void token(Path directory, String letter) throws Exception {
    Path file = Files.writeString(directory.resolve("api-token"), letter.repeat(64));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
  }

  private ClusterOptions options(String cluster, Path credentials) {
    Map<String, String> environment = new HashMap<>();
    environment.put("XDG_CONFIG_HOME", directory.resolve("config").toString());
    environment.put("TRIREME_CLUSTER", cluster);
    environment.put("TRIREME_CREDENTIALS", credentials.toString());
    return new ClusterOptions(environment);
  }

  private Path context(String name) {
    return directory.resolve("config/trireme").resolve(name);
  }

  private void usesDefault() throws Exception {
    options("", plain).save("default", NOBODY);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "prod/eu",
        "..",
        ".",
        "...",
        "two words",
        "prod ",
        "a,b",
        "12345678901234567890123456789012345678901234567890123456789012345"
      })
  void shouldNotTakeAWrongNameForTheDefault(String name) throws Exception {
    usesDefault();

    assertThatThrownBy(() -> options(name, plain).client(Duration.ZERO))
        .isInstanceOf(UnknownClusterException.class)
        .hasMessageContaining("expected the name of a context, 1 to 64 letters")
        .hasMessageContaining("found '" + name + "'");
    assertThatThrownBy(() -> options("", plain).save(name, NOBODY))
        .isInstanceOf(UnknownClusterException.class)
        .hasMessageContaining("found '" + name + "'");
    assertThat(context("default").getParent())
        .isDirectoryNotContaining(p -> !p.endsWith("default"));
  }

  @Test
  void shouldSayHowToMakeAContextThatIsNotThere() throws Exception {
    usesDefault();

    assertThatThrownBy(() -> options("prod", plain).client(Duration.ZERO))
        .isInstanceOf(UnknownClusterException.class)
        .hasMessageContaining("'trireme cluster use prod HOST:PORT --credentials DIR'");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "10.0.0.1:",
        ":7401",
        "10.0.0.1:7401,,10.0.0.2:7401",
        "h:99999",
        "node_1:7401",
        "two words:7401",
        "h/path:7401",
        "me@h:7401",
        "h:7401,node_2:7401"
      })
  void shouldRefuseWhatNoUrlCanName(String addresses) throws Exception {
    usesDefault();

    assertThatThrownBy(() -> options(addresses, plain).client(Duration.ZERO))
        .isInstanceOf(UnknownClusterException.class)
        .hasMessageContaining("TRIREME_CLUSTER: expected HOST:PORT");
    assertThatThrownBy(() -> options("", plain).save("other", addresses))
        .isInstanceOf(UnknownClusterException.class)
        .hasMessageContaining("expected HOST:PORT");
    assertThat(context("other")).doesNotExist();

    Files.writeString(
        context("default").resolve("context.json"), "{\"cluster\": \"" + addresses + "\"}");
    assertThatThrownBy(() -> options("", plain).client(Duration.ZERO))
        .isInstanceOf(UnknownClusterException.class)
        .hasMessageContaining("context.json: expected HOST:PORT");
  }

  @Test
  void shouldNotSaveAnAddressWithoutItsPort() {
    assertThatThrownBy(() -> options("", plain).save("other", "10.0.0.1"))
        .isInstanceOf(UnknownClusterException.class)
        .hasMessageContaining("expected HOST:PORT, found '10.0.0.1'");
    assertThat(context("other")).doesNotExist();
  }

  @Test
  void shouldTakeBlanksBetweenAddresses() throws Exception {
    String two = NOBODY + ", 127.0.0.1:2";
    assertThatThrownBy(() -> options(two, plain).client(Duration.ZERO).jobs())
        .isInstanceOf(UnreachableException.class)
        .hasMessageContaining("no active coordinator at 127.0.0.1:2");

    Path saved = options("", plain).save("two", two);
    assertThat(new ObjectMapper().readTree(saved.resolve("context.json").toFile()).path("cluster"))
        .hasToString("\"127.0.0.1:1,127.0.0.1:2\"");
    assertThatThrownBy(() -> options("two", saved).client(Duration.ZERO).jobs())
        .isInstanceOf(UnreachableException.class)
        .hasMessageContaining("no active coordinator at 127.0.0.1:2");
  }

  @Test
  void shouldLeaveNothingOfTheClusterThatHadTheNameBefore() throws Exception {
    Path saved = options("", secure).save("prod", "10.0.0.1:7401");
    assertThat(saved).isEqualTo(context("prod"));
    assertThat(saved.resolve("ca.pem")).hasContent("an authority");

    options("", plain).save("prod", NOBODY);

    assertThat(saved.resolve("ca.pem")).doesNotExist();
    assertThat(saved.resolve("api-token")).hasContent("b".repeat(64));
  }

  @Test
  void shouldKeepCredentialsThatAreTheContextsOwn() throws Exception {
    Path saved = options("", secure).save("prod", "10.0.0.1:7401");

    options("", saved.resolve("../prod")).save("prod", "10.0.0.2:7401");

    assertThat(saved.resolve("ca.pem")).hasContent("an authority");
    assertThat(saved.resolve("api-token")).hasContent("a".repeat(64));
    assertThat(
            PosixFilePermissions.toString(
                Files.getPosixFilePermissions(saved.resolve("api-token"))))
        .isEqualTo("rw-------");
  }
}
