package dev.trireme.launcher.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileStoreTest {
  private static final int FILES = 200;

  @TempDir Path directory;

  @Test
  void shouldTakeFilesWhileOthersCome() throws Exception {
    Path all = directory.resolve("files");
    FileStore store = new FileStore(all);
    Busy.meanwhile(
        all.resolve("f".repeat(64)),
        () -> {
          for (int i = 0; i < FILES; i++) {
            byte[] bytes = ("file " + i).getBytes(StandardCharsets.UTF_8);
            String hash = Sha256.of(Files.write(directory.resolve("file"), bytes));
            assertThat(store.write(hash, "file", 0, bytes.length, bytes))
                .contains(all.resolve(hash).resolve("file"));
          }
        });
  }
}
