package dev.trireme.checkpoint.format;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationFeature;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.train.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.List;

/**
 * The manifest as a file: JSON, whose last key is the hash of every byte before the line that holds
 * it, so that no byte of a checkpoint is without a hash. The version is looked at before anything
 * else, because a newer manifest may differ in all the rest.
 */
public final class ManifestJson {
  private static final String FORMAT = "trireme-checkpoint";
  private static final String HASH_BEFORE = "  \"manifestHash\" : \"";
  private static final String HASH_AFTER = "\"\n}\n";
  private static final int TAIL_BYTES =
      HASH_BEFORE.length() + Crc32c.TEXT_LENGTH + HASH_AFTER.length();

  private ManifestJson() {}

  private record Document(
      String format,
      int formatVersion,
      long generation,
      long step,
      Place cursor,
      long seed,
      int worldSize,
      String writtenAt,
      String spec,
      List<ShardJson> shards,
      List<TensorJson> tensors,
      @JsonProperty(access = JsonProperty.Access.WRITE_ONLY) String manifestHash) {}

  private record Place(int epoch, long position) {}

  private record ShardJson(String file, long bytes, long headerBytes, String headerHash) {}

  private record TensorJson(
      String name, String file, String dtype, List<Long> shape, List<Long> offsets, String hash) {}

  /** Writes it. */
  public static byte[] encode(Manifest manifest) {
    String body;
    try {
      body =
          StrictJson.MAPPER
              .writerWithDefaultPrettyPrinter()
              .writeValueAsString(document(manifest))
              .replace("\r\n", "\n");
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException("writing to memory", e);
    }
    int closing = body.lastIndexOf("\n}");
    byte[] head = (body.substring(0, closing) + ",\n").getBytes(StandardCharsets.UTF_8);
    byte[] tail =
        (HASH_BEFORE + Crc32c.of(head, 0, head.length) + HASH_AFTER)
            .getBytes(StandardCharsets.UTF_8);
    byte[] all = new byte[head.length + tail.length];
    System.arraycopy(head, 0, all, 0, head.length);
    System.arraycopy(tail, 0, all, head.length, tail.length);
    return all;
  }

  /**
   * Reads it.
   *
   * @throws DamagedException when it is not a manifest of a version up to {@link
   *     Manifest#FORMAT_VERSION}, whole and consistent
   */
  public static Manifest decode(byte[] file) throws DamagedException {
    if (file.length > Bounds.MANIFEST_BYTES) {
      throw new DamagedException(
          "expected at most " + Bounds.MANIFEST_BYTES + " bytes, found " + file.length);
    }
    String json = StrictJson.text(file, 0, file.length);
    checkVersion(json);
    checkHash(file);
    try {
      return manifest(
          StrictJson.MAPPER
              .readerFor(Document.class)
              .with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
              .readValue(json));
    } catch (JsonProcessingException e) {
      throw new DamagedException("faulty JSON: " + StrictJson.reason(e), e);
    } catch (IllegalArgumentException | DateTimeException | NullPointerException e) {
      throw new DamagedException(String.valueOf(e.getMessage()), e);
    }
  }

  /** Finds format and version without minding what else is there. */
  private static void checkVersion(String json) throws DamagedException {
    String format = "";
    long version = 0;
    try (JsonParser in = StrictJson.MAPPER.createParser(json)) {
      if (in.nextToken() == JsonToken.START_OBJECT) {
        while (in.nextToken() == JsonToken.FIELD_NAME && (format.isEmpty() || version == 0)) {
          String key = in.currentName();
          JsonToken value = in.nextToken();
          if (key.equals("format") && value == JsonToken.VALUE_STRING) {
            format = in.getText();
          } else if (key.equals("formatVersion") && value == JsonToken.VALUE_NUMBER_INT) {
            version = in.getLongValue();
          } else {
            in.skipChildren();
          }
        }
      }
    } catch (JsonProcessingException e) {
      throw new DamagedException("faulty JSON: " + StrictJson.reason(e), e);
    } catch (IOException e) {
      throw new UncheckedIOException("reading from memory", e);
    }
    if (!format.equals(FORMAT)) {
      throw new DamagedException(
          "expected \"format\": \"" + FORMAT + "\", found '" + Bounds.excerpt(format) + "'");
    }
    if (version > Manifest.FORMAT_VERSION) {
      throw new DamagedException(
          "it is of format version "
              + version
              + ", this Trireme reads up to "
              + Manifest.FORMAT_VERSION
              + "; use the Trireme that wrote it or a newer one");
    }
    if (version != Manifest.FORMAT_VERSION) {
      throw new DamagedException(
          "expected format version " + Manifest.FORMAT_VERSION + ", found " + version);
    }
  }

  private static void checkHash(byte[] file) throws DamagedException {
    int head = file.length - TAIL_BYTES;
    String tail = head < 0 ? "" : new String(file, head, TAIL_BYTES, StandardCharsets.ISO_8859_1);
    if (!tail.startsWith(HASH_BEFORE) || !tail.endsWith(HASH_AFTER)) {
      throw new DamagedException("expected it to end with its manifestHash; it was cut or edited");
    }
    String found = Crc32c.of(file, 0, head).toString();
    String expected =
        tail.substring(HASH_BEFORE.length(), HASH_BEFORE.length() + Crc32c.TEXT_LENGTH);
    if (!found.equals(expected)) {
      throw new DamagedException(
          "its bytes hash to "
              + found
              + ", its manifestHash says "
              + Bounds.excerpt(expected)
              + "; it was altered after it was written");
    }
  }

  private static Document document(Manifest m) {
    return new Document(
        FORMAT,
        Manifest.FORMAT_VERSION,
        m.generation(),
        m.step(),
        new Place(m.progress().cursor().epoch(), m.progress().cursor().position()),
        m.seed(),
        m.worldSize(),
        m.writtenAt().toString(),
        m.resolvedSpec(),
        m.shards().stream()
            .map(
                s -> new ShardJson(s.file(), s.bytes(), s.headerBytes(), s.headerHash().toString()))
            .toList(),
        m.tensors().stream().map(ManifestJson::tensorJson).toList(),
        "");
  }

  private static TensorJson tensorJson(Manifest.StoredTensor t) {
    return new TensorJson(
        t.spec().name(),
        t.file(),
        t.spec().dtype().safetensorsName(),
        t.spec().shape().dims(),
        List.of(t.begin(), t.end()),
        t.hash().toString());
  }

  private static Manifest manifest(Document d) {
    return new Manifest(
        d.generation(),
        new Progress(d.step(), new Cursor(d.cursor().epoch(), d.cursor().position())),
        d.seed(),
        d.worldSize(),
        Instant.parse(d.writtenAt()),
        d.spec(),
        d.shards().stream()
            .map(
                s ->
                    new Manifest.Shard(
                        s.file(), s.bytes(), s.headerBytes(), Crc32c.parse(s.headerHash())))
            .toList(),
        d.tensors().stream().map(ManifestJson::storedTensor).toList());
  }

  private static Manifest.StoredTensor storedTensor(TensorJson t) {
    if (t.offsets().size() != 2) {
      throw new IllegalArgumentException(
          "expected two offsets for '" + Bounds.excerpt(t.name()) + "', found " + t.offsets());
    }
    return new Manifest.StoredTensor(
        new TensorSpec(t.name(), DType.ofSafetensorsName(t.dtype()), new Shape(t.shape())),
        t.file(),
        t.offsets().get(0),
        t.offsets().get(1),
        Crc32c.parse(t.hash()));
  }
}
