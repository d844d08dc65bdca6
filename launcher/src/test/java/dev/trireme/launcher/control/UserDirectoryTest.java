package dev.trireme.launcher.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class UserDirectoryTest {
  @Test
  void shouldTakeWhatTheEnvironmentNamesFirst() {
    Map<String, String> all = Map.of("XDG_CONFIG_HOME", "/c", "XDG_CACHE_HOME", "", "HOME", "/h");
    assertThat(UserDirectory.CONFIG.of(all)).isEqualTo(Path.of("/c/trireme"));
    assertThat(UserDirectory.CACHE.of(all)).isEqualTo(Path.of("/h/.cache/trireme"));
    assertThat(UserDirectory.CONFIG.of(Map.of()))
        .isEqualTo(Path.of(System.getProperty("user.home"), ".config", "trireme"));
  }
}
