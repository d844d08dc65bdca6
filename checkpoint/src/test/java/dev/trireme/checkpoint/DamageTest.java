package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.checkpoint.Checkpointer.Restored;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class DamageTest {
  private static final String NEWEST = "step-00000200";

  @TempDir Path directory;
  private Path checkpoints;
  private State older;
  private State read;

  /** Damages the newest checkpoint. */
  @FunctionalInterface
  private interface Damage {
    void to(Path checkpoint) throws IOException;
  }

  @BeforeEach
  void saveTwo() {
    checkpoints = directory.resolve("checkpoints");
    older = State.random(1);
    read = State.random(9);
    try (State newer = State.random(2)) {
      Checkpoints.save(checkpoints, 2, older, 1, 100);
      Checkpoints.save(checkpoints, 2, newer, 1, 200);
    }
  }

  @AfterEach
  void free() {
    older.close();
    read.close();
  }

  static Stream<Arguments> damages() {
    return Stream.of(
        damage("truncated shard", "cut short", at -> cut(at.resolve("rank-00001.safetensors"), 1)),
        damage("empty shard", "expected", at -> Files.write(shard(at), new byte[0])),
        damage("grown shard", "expected", at -> Files.write(shard(at), grown(shard(at)))),
        damage("missing shard", "rank-00000.safetensors is missing", at -> Files.delete(shard(at))),
        damage("flipped bit of the first value", "altered", at -> flip(shard(at), -1)),
        damage("flipped bit of the header", "altered", at -> flip(shard(at), 20)),
        damage("flipped bit of the header's length", "altered", at -> flip(shard(at), 0)),
        damage("swapped shards", "rank-0000", DamageTest::swapShards),
        damage("a directory as shard", "regular file", DamageTest::shardBecomesDirectory),
        damage("a link out of the checkpoint", "leads out", DamageTest::shardBecomesLink),
        damage("no manifest", "manifest.json is missing", at -> Files.delete(manifest(at))),
        damage("empty manifest", "manifest.json", at -> Files.write(manifest(at), new byte[0])),
        damage("garbage manifest", "JSON", at -> Files.writeString(manifest(at), "{\"a\": [[")),
        damage("binary manifest", "UTF-8", at -> Files.write(manifest(at), new byte[] {-1, -2})),
        damage("truncated manifest", "manifest.json", at -> cut(manifest(at), 40)),
        damage("edited manifest", "altered", at -> replace(at, "\"step\" : 200", "\"step\" : 201")),
        damage(
            "newer manifest",
            "format version 2, this Trireme reads up to 1",
            at -> replace(at, "\"formatVersion\" : 1", "\"formatVersion\" : 2")),
        damage("renamed checkpoint", "expected step 300", DamageTest::renameTo300));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("damages")
  void shouldSkipTheDamagedAndTakeTheOneBefore(String name, String reason, Damage damage)
      throws IOException {
    damage.to(checkpoints.resolve(NEWEST));
    List<String> names = Checkpoints.names(checkpoints);
    String last = names.get(names.size() - 1);

    try (LogCapture log = new LogCapture()) {
      Optional<Restored> restored = Checkpoints.restore(checkpoints, read);

      assertThat(restored.orElseThrow().progress().step()).isEqualTo(100);
      assertThat(read.hash()).isEqualTo(older.hash());
      assertThat(log.messages(Level.WARN))
          .singleElement()
          .asString()
          .contains("skipped " + last)
          .contains(reason);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("damages")
  void shouldRefuseTheDamagedByNameAndTouchNothing(String name, String reason, Damage damage)
      throws IOException {
    damage.to(checkpoints.resolve(NEWEST));
    String before = read.hash();
    List<String> names = Checkpoints.names(checkpoints);
    Path last = checkpoints.resolve(names.get(names.size() - 1));

    assertThatThrownBy(() -> Checkpoints.restore(last, read))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(last.toString())
        .hasMessageContaining(reason);
    assertThat(read.hash()).isEqualTo(before);
  }

  @Test
  void shouldNoticeEveryFlippedByteOfEveryFile() throws IOException {
    Path newest = checkpoints.resolve(NEWEST);
    for (String file : Checkpoints.names(newest)) {
      Path path = newest.resolve(file);
      byte[] whole = Files.readAllBytes(path);
      int stride = Math.max(1, whole.length / 97);
      for (int at = 0; at < whole.length; at += stride) {
        byte[] altered = whole.clone();
        altered[at] ^= 0x10;
        Files.write(path, altered);
        assertThat(Checkpoints.restore(checkpoints, read).orElseThrow().progress().step())
            .as("byte %d of %s", at, file)
            .isEqualTo(100);
      }
      Files.write(path, whole);
    }
    assertThat(Checkpoints.restore(checkpoints, read).orElseThrow().progress().step())
        .isEqualTo(200);
  }

  @Test
  void shouldFindNothingWhenAllAreDamaged() throws IOException {
    cut(checkpoints.resolve("step-00000100").resolve("rank-00000.safetensors"), 1);
    Files.delete(manifest(checkpoints.resolve(NEWEST)));
    String before = read.hash();

    assertThat(Checkpoints.restore(checkpoints, read)).isEmpty();
    assertThat(read.hash()).isEqualTo(before);
  }

  @Test
  void shouldRefuseASourceThatIsNotThere() {
    assertThatThrownBy(() -> Checkpoints.restore(directory.resolve("nowhere"), read))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("nothing at")
        .hasMessageContaining("nowhere");
  }

  @Test
  void shouldRefuseASourceThatIsAFile() {
    assertThatThrownBy(() -> Checkpoints.restore(manifest(checkpoints.resolve(NEWEST)), read))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("is not a directory");
  }

  @Test
  void shouldRefuseASourceThatWasNeverCommitted() throws IOException {
    Path staged = checkpoints.resolve(".tmp-g1-step-00000200");
    Files.move(checkpoints.resolve(NEWEST), staged);

    assertThatThrownBy(() -> Checkpoints.restore(staged, read))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("never committed");
  }

  private static Arguments damage(String name, String reason, Damage damage) {
    return Arguments.of(name, reason, damage);
  }

  private static Path shard(Path checkpoint) {
    return checkpoint.resolve("rank-00000.safetensors");
  }

  private static Path manifest(Path checkpoint) {
    return checkpoint.resolve("manifest.json");
  }

  private static void cut(Path file, int bytes) throws IOException {
    byte[] whole = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(whole, whole.length - bytes));
  }

  private static byte[] grown(Path file) throws IOException {
    byte[] whole = Files.readAllBytes(file);
    return Arrays.copyOf(whole, whole.length + 8);
  }

  private static void flip(Path file, int at) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[at < 0 ? bytes.length + at : at] ^= 1;
    Files.write(file, bytes);
  }

  private static void replace(Path checkpoint, String from, String to) throws IOException {
    String text = Files.readString(manifest(checkpoint), StandardCharsets.UTF_8);
    assertThat(text).contains(from);
    Files.writeString(manifest(checkpoint), text.replace(from, to), StandardCharsets.UTF_8);
  }

  private static void swapShards(Path checkpoint) throws IOException {
    Path other = checkpoint.resolve("rank-00001.safetensors");
    Path aside = checkpoint.resolve("aside");
    Files.move(shard(checkpoint), aside);
    Files.move(other, shard(checkpoint));
    Files.move(aside, other);
  }

  private static void shardBecomesLink(Path at) throws IOException {
    Path elsewhere = at.resolveSibling("elsewhere");
    Files.move(shard(at), elsewhere);
    Files.createSymbolicLink(shard(at), elsewhere);
  }

  private static void shardBecomesDirectory(Path checkpoint) throws IOException {
    Files.delete(shard(checkpoint));
    Files.createDirectory(shard(checkpoint));
  }

  private static void renameTo300(Path checkpoint) throws IOException {
    Files.move(checkpoint, checkpoint.resolveSibling("step-00000300"));
  }
}
