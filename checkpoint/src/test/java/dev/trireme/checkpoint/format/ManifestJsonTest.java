package dev.trireme.checkpoint.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.train.Progress;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ManifestJsonTest {
  private static final Manifest MANIFEST =
      new Manifest(
          3,
          new Progress(1200, new Cursor(2, 25600)),
          -1,
          2,
          Instant.parse("2026-01-02T03:04:05.678Z"),
          "name: \"a\\b\"\n",
          List.of(
              new Manifest.Shard("rank-00000.safetensors", 124, 100, new Crc32c(1)),
              new Manifest.Shard("rank-00001.safetensors", 116, 100, new Crc32c(-1))),
          List.of(
              new Manifest.StoredTensor(
                  new TensorSpec("model.w", DType.FLOAT32, Shape.of(2, 3)),
                  "rank-00000.safetensors",
                  100,
                  124,
                  new Crc32c(0x1a2b3c4d)),
              new Manifest.StoredTensor(
                  new TensorSpec("optimizer.ü", DType.INT64, Shape.of()),
                  "rank-00001.safetensors",
                  100,
                  108,
                  new Crc32c(7)),
              new Manifest.StoredTensor(
                  new TensorSpec("x", DType.INT64, Shape.of(1)),
                  "rank-00001.safetensors",
                  108,
                  116,
                  new Crc32c(8))));

  @Test
  void shouldReadBackWhatItWrites() throws Exception {
    assertThat(ManifestJson.decode(ManifestJson.encode(MANIFEST))).isEqualTo(MANIFEST);
  }

  @Test
  void shouldNoticeEveryAlteredBit() {
    byte[] whole = ManifestJson.encode(MANIFEST);
    for (int bit = 0; bit < 8 * whole.length; bit++) {
      byte[] altered = whole.clone();
      altered[bit / 8] ^= (byte) (1 << (bit % 8));
      assertThatThrownBy(() -> ManifestJson.decode(altered))
          .as("bit %d", bit)
          .isInstanceOf(DamagedException.class);
    }
  }

  @Test
  void shouldNoticeEveryMissingEnd() {
    byte[] whole = ManifestJson.encode(MANIFEST);
    for (int length = 0; length < whole.length; length++) {
      byte[] cut = Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> ManifestJson.decode(cut))
          .as("length %d", length)
          .isInstanceOf(DamagedException.class);
    }
  }

  @Test
  void shouldSayWhatToDoWithANewerVersion() {
    String newer = "{\"future\": [{}], \"formatVersion\": 7, \"format\": \"trireme-checkpoint\"}";
    assertThatThrownBy(() -> ManifestJson.decode(newer.getBytes(StandardCharsets.UTF_8)))
        .isInstanceOf(DamagedException.class)
        .hasMessageContaining("format version 7, this Trireme reads up to 1")
        .hasMessageContaining("newer one");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"file\" : \"rank-00000.safetensors\",\\n    \"bytes\""
            + "| \"file\" : \"../../../etc/x\",\\n    \"bytes\" | expected a shard's name",
        "\"file\" : \"rank-00001.safetensors\",\\n    \"dtype\""
            + "| \"file\" : \"/etc/passwd\",\\n    \"dtype\" | no shard here",
        "[ 108, 116 ]                | [ 100, 108 ]                | at offset 108",
        "[ 108, 116 ]                | [ 108, 117 ]                | expected 8 bytes",
        "[ 108, 116 ]                | [ 116, 108 ]                | expected 8 bytes",
        "[ 108, 116 ]                | [ 108 ]                     | two offsets",
        "[ 108, 116 ]                | [ 108, null ]               | null",
        "\"bytes\" : 116             | \"bytes\" : 117             | its file at 117",
        "\"bytes\" : 116             | \"bytes\" : 99              | a header of 100 bytes",
        "\"headerBytes\" : 100       | \"headerBytes\" : 0         | a header of 0 bytes",
        "\"worldSize\" : 2           | \"worldSize\" : 3           | 2 shards",
        "\"worldSize\" : 2           | \"worldSize\" : -2          | 2 shards",
        "\"worldSize\" : 2           | \"worldSize\" : \"2\"       | faulty JSON",
        "\"worldSize\" : 2           | \"worldSize\" : 2.0         | faulty JSON",
        "\"generation\" : 3          | \"generation\" : -3         | generation is -3",
        "\"step\" : 1200             | \"step\" : -1               | step is -1",
        "\"position\" : 25600        | \"position\" : -1           | no place in the data",
        "\"seed\" : -1,              | ``                          | seed",
        "\"seed\" : -1,              | \"seed\" : null,            | seed",
        "\"seed\" : -1,              | \"seed\" : -1,\"seed\" : 1, | Duplicate",
        "\"seed\" : -1,              | \"seed\" : -1,\"sead\" : 1, | sead",
        "2026-01-02T03:04:05.678Z    | yesterday                   | yesterday",
        "\"name\" : \"x\"            | \"name\" : \"model.w\"      | two tensors are named",
        "\"dtype\" : \"F32\"         | \"dtype\" : \"Q4\"          | found 'Q4'",
        "crc32c:1a2b3c4d             | md5:1a2b3c4d                | expected a hash",
        "\"format\" : \"trireme-checkpoint\" | \"format\" : \"other\" | \"trireme-checkpoint\"",
        "\"formatVersion\" : 1       | \"formatVersion\" : 0       | expected format version 1",
      })
  void shouldRefuseWhatIsNotConsistent(String from, String to, String reason) {
    String text = new String(ManifestJson.encode(MANIFEST), StandardCharsets.UTF_8);
    String target = from.replace("\\n", "\n");
    assertThat(text).contains(target);

    byte[] altered = rehashed(text.replace(target, to == null ? "" : to.replace("\\n", "\n")));

    assertThatThrownBy(() -> ManifestJson.decode(altered))
        .isInstanceOf(DamagedException.class)
        .hasMessageContaining(reason);
  }

  /** As a hostile writer would: with a hash that is right. */
  private static byte[] rehashed(String text) {
    int tail = text.lastIndexOf("  \"manifestHash\"");
    byte[] head = text.substring(0, tail).getBytes(StandardCharsets.UTF_8);
    String hash = Crc32c.of(head, 0, head.length).toString();
    return (text.substring(0, tail) + "  \"manifestHash\" : \"" + hash + "\"\n}\n")
        .getBytes(StandardCharsets.UTF_8);
  }
}
