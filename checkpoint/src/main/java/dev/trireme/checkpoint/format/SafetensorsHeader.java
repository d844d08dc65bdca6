package dev.trireme.checkpoint.format;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.type.TypeReference;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The header of a safetensors file, as its specification has it (huggingface/safetensors, README,
 * "Format"): 8 bytes with the header's length as a little-endian unsigned integer, that many bytes
 * of JSON which may end in spaces, then the values, little-endian and row-major, without holes.
 *
 * <p>Reading is strict: the values of the tensors must tile the rest of the file exactly, so that
 * no two can share bytes and none lies outside. Cost: linear in the header, plus sorting.
 *
 * @param tensors in order of their place in the file
 * @param metadata the {@value #METADATA_KEY} of the file; free text
 */
public record SafetensorsHeader(List<Entry> tensors, Map<String, String> metadata) {
  /** The one key that is not a tensor's name. */
  public static final String METADATA_KEY = "__metadata__";

  /** Bytes before the JSON. */
  public static final int PREFIX_BYTES = 8;

  private static final int ALIGNMENT = 8;

  public SafetensorsHeader {
    tensors = List.copyOf(tensors);
    metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
  }

  /**
   * A tensor and its place.
   *
   * @param spec its name, type and shape
   * @param begin of its values, counted from the end of the header
   * @param end one past its last byte; {@code end - begin} is the size of the values
   */
  public record Entry(TensorSpec spec, long begin, long end) {
    public Entry {
      if (begin < 0 || end < begin || end - begin != spec.byteCount()) {
        throw new IllegalArgumentException(
            "expected "
                + spec.byteCount()
                + " bytes for '"
                + spec.name()
                + "' of "
                + spec.typeAndShape()
                + ", found the offsets "
                + begin
                + " to "
                + end);
      }
    }
  }

  private record EntryJson(
      @JsonProperty(required = true) String dtype,
      @JsonProperty(required = true) List<Long> shape,
      @JsonProperty(value = "data_offsets", required = true) List<Long> dataOffsets) {}

  /**
   * Places these tensors one after the other: those with the widest elements first, so that each
   * begins at a multiple of its element's size, and by name among equals.
   */
  public static List<Entry> place(List<TensorSpec> tensors) {
    List<TensorSpec> ordered = new ArrayList<>(tensors);
    ordered.sort(
        Comparator.<TensorSpec>comparingInt(t -> -t.dtype().bytes())
            .thenComparing(TensorSpec::name));
    List<Entry> placed = new ArrayList<>(ordered.size());
    long at = 0;
    for (TensorSpec tensor : ordered) {
      long end = Math.addExact(at, tensor.byteCount());
      placed.add(new Entry(tensor, at, end));
      at = end;
    }
    return placed;
  }

  /** The size of all values in bytes. */
  public long dataBytes() {
    return tensors.isEmpty() ? 0 : tensors.get(tensors.size() - 1).end();
  }

  /**
   * The bytes that a file begins with: length and JSON, padded with spaces so that the values begin
   * at a multiple of 8.
   *
   * @throws IllegalArgumentException when they are more than readers accept
   */
  public byte[] encode() {
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    try (JsonGenerator out = StrictJson.MAPPER.createGenerator(json)) {
      out.writeStartObject();
      out.writeObjectField(METADATA_KEY, metadata);
      for (Entry entry : tensors) {
        out.writeObjectFieldStart(entry.spec().name());
        out.writeStringField("dtype", entry.spec().dtype().safetensorsName());
        out.writeFieldName("shape");
        long[] dims = entry.spec().shape().toArray();
        out.writeArray(dims, 0, dims.length);
        out.writeFieldName("data_offsets");
        out.writeArray(new long[] {entry.begin(), entry.end()}, 0, 2);
        out.writeEndObject();
      }
      out.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException("writing to memory", e);
    }
    while (json.size() % ALIGNMENT != 0) {
      json.write(' ');
    }
    if (json.size() > Bounds.HEADER_BYTES) {
      throw new IllegalArgumentException(
          "a safetensors header holds at most "
              + Bounds.HEADER_BYTES
              + " bytes; that of "
              + tensors.size()
              + " tensors has "
              + json.size());
    }
    return ByteBuffer.allocate(PREFIX_BYTES + json.size())
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.size())
        .put(json.toByteArray())
        .array();
  }

  /**
   * The length of the JSON, from the first 8 bytes of a file.
   *
   * @param fileBytes the size of the whole file
   * @throws DamagedException when no file of that size can have such a header
   */
  public static int jsonLength(byte[] prefix, long fileBytes) throws DamagedException {
    long length = ByteBuffer.wrap(prefix).order(ByteOrder.LITTLE_ENDIAN).getLong();
    long room = fileBytes - PREFIX_BYTES;
    if (length < 2 || length > Bounds.HEADER_BYTES || length > room) {
      throw new DamagedException(
          "expected a safetensors header of 2 to "
              + Math.min(Bounds.HEADER_BYTES, Math.max(room, 0))
              + " bytes, the file says "
              + Long.toUnsignedString(length));
    }
    return (int) length;
  }

  /**
   * Reads the JSON.
   *
   * @param header prefix and JSON, as {@link #encode} makes them
   * @param dataBytes what the file holds behind them
   * @throws DamagedException when it is not a header of exactly that many bytes of values
   */
  public static SafetensorsHeader parse(byte[] header, long dataBytes) throws DamagedException {
    String json = StrictJson.text(header, PREFIX_BYTES, header.length - PREFIX_BYTES);
    if (json.charAt(0) != '{') {
      throw new DamagedException("expected a safetensors header to begin with '{'");
    }
    SafetensorsHeader parsed;
    try (JsonParser in = StrictJson.MAPPER.createParser(json)) {
      parsed = parse(in);
    } catch (JsonProcessingException e) {
      throw new DamagedException(
          "expected a safetensors header, found faulty JSON: " + StrictJson.reason(e), e);
    } catch (IOException e) {
      throw new UncheckedIOException("reading from memory", e);
    }
    return parsed.tiling(dataBytes);
  }

  private static SafetensorsHeader parse(JsonParser in) throws IOException, DamagedException {
    Map<String, String> metadata = Map.of();
    List<Entry> entries = new ArrayList<>();
    in.nextToken();
    while (in.nextToken() == JsonToken.FIELD_NAME) {
      String name = in.currentName();
      in.nextToken();
      if (name.equals(METADATA_KEY)) {
        metadata = metadata(in);
      } else if (entries.size() == Bounds.TENSORS) {
        throw new DamagedException(
            "expected at most " + Bounds.TENSORS + " tensors in a safetensors file, found more");
      } else {
        entries.add(entry(name, StrictJson.MAPPER.readValue(in, EntryJson.class)));
      }
    }
    if (in.nextToken() != null) {
      throw new DamagedException("expected nothing after a safetensors header, found more JSON");
    }
    return new SafetensorsHeader(entries, metadata);
  }

  private static Map<String, String> metadata(JsonParser in) throws IOException, DamagedException {
    Map<String, String> read =
        StrictJson.MAPPER.readValue(in, new TypeReference<LinkedHashMap<String, String>>() {});
    if (read == null || read.containsValue(null)) {
      throw new DamagedException("expected texts in '" + METADATA_KEY + "', found null");
    }
    return read;
  }

  private static Entry entry(String name, EntryJson json) throws DamagedException {
    if (json == null || json.dataOffsets().size() != 2) {
      throw new DamagedException(
          "expected dtype, shape and two data_offsets for '" + Bounds.excerpt(name) + "'");
    }
    try {
      TensorSpec spec =
          new TensorSpec(name, DType.ofSafetensorsName(json.dtype()), new Shape(json.shape()));
      return new Entry(spec, json.dataOffsets().get(0), json.dataOffsets().get(1));
    } catch (IllegalArgumentException | NullPointerException e) {
      throw new DamagedException("tensor '" + Bounds.excerpt(name) + "': " + e.getMessage(), e);
    }
  }

  /** This header with its tensors in the order of their places, which must tile the data. */
  private SafetensorsHeader tiling(long dataBytes) throws DamagedException {
    List<Entry> ordered = new ArrayList<>(tensors);
    ordered.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    long at = 0;
    for (Entry entry : ordered) {
      if (entry.begin() != at) {
        throw new DamagedException(
            "expected the values of '"
                + Bounds.excerpt(entry.spec().name())
                + "' at offset "
                + at
                + ", the header says "
                + entry.begin());
      }
      at = entry.end();
    }
    if (at != dataBytes) {
      throw new DamagedException(
          "expected " + at + " bytes of values behind the header, found " + dataBytes);
    }
    return new SafetensorsHeader(ordered, metadata);
  }
}
