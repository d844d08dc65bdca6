package dev.trireme.checkpoint.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsHeaderTest {
  private static final String F32_4 = "{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}";

  @Provide
  Arbitrary<List<TensorSpec>> tensors() {
    Arbitrary<TensorSpec> tensor =
        Combinators.combine(
                Arbitraries.strings().ofMinLength(1).ofMaxLength(20).excludeChars(surrogates()),
                Arbitraries.of(DType.class),
                Arbitraries.longs().between(0, 9).list().ofMaxSize(4))
            .as((name, dtype, dims) -> new TensorSpec(name, dtype, new Shape(dims)));
    return tensor.list().uniqueElements(TensorSpec::name).ofMaxSize(30);
  }

  private static char[] surrogates() {
    char[] all = new char[Character.MAX_SURROGATE - Character.MIN_SURROGATE + 1];
    for (int i = 0; i < all.length; i++) {
      all[i] = (char) (Character.MIN_SURROGATE + i);
    }
    return all;
  }

  @Property(tries = 200)
  void shouldReadBackWhatItWrites(@ForAll("tensors") List<TensorSpec> tensors) throws Exception {
    Map<String, String> metadata = new LinkedHashMap<>();
    tensors.forEach(t -> metadata.put("of " + t.name(), t.typeAndShape()));
    SafetensorsHeader header = new SafetensorsHeader(SafetensorsHeader.place(tensors), metadata);
    byte[] bytes = header.encode();

    assertThat(bytes.length % 8).isZero();
    assertThat(SafetensorsHeader.jsonLength(Arrays.copyOf(bytes, 8), bytes.length))
        .isEqualTo(bytes.length - 8);
    assertThat(SafetensorsHeader.parse(bytes, header.dataBytes())).isEqualTo(header);
  }

  @Property(tries = 200)
  void shouldAlignEveryTensorToItsElements(@ForAll("tensors") List<TensorSpec> tensors) {
    long at = 0;
    for (SafetensorsHeader.Entry entry : SafetensorsHeader.place(tensors)) {
      assertThat(entry.begin()).isEqualTo(at);
      assertThat(entry.begin() % entry.spec().dtype().bytes()).isZero();
      at = entry.end();
    }
    assertThat(at).isEqualTo(tensors.stream().mapToLong(TensorSpec::byteCount).sum());
  }

  @Test
  void shouldWriteTheBytesOfTheSpecification() {
    List<TensorSpec> one = List.of(new TensorSpec("a", DType.FLOAT32, Shape.of(2, 3)));
    byte[] bytes = new SafetensorsHeader(SafetensorsHeader.place(one), Map.of("k", "v")).encode();

    String json = new String(bytes, 8, bytes.length - 8, StandardCharsets.UTF_8);
    assertThat(json.stripTrailing())
        .isEqualTo(
            "{\"__metadata__\":{\"k\":\"v\"},"
                + "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}");
    assertThat(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong())
        .isEqualTo(json.length());
  }

  @Test
  void shouldReadAHeaderOfAnotherWriter() throws Exception {
    String json =
        " {\"b\": {\"shape\": [], \"data_offsets\": [16, 24], \"dtype\": \"I64\"},\n \"a\": "
            + F32_4
            + "}   ";
    SafetensorsHeader header = parse(json.strip() + "   ", 24);

    assertThat(header.metadata()).isEmpty();
    assertThat(header.tensors().stream().map(e -> e.spec().name())).containsExactly("a", "b");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "[]                                                              | begin with '{'",
        "x                                                               | begin with '{'",
        "{\"a\":                                                         | faulty JSON",
        "{\"a\":F32}                                                     | faulty JSON",
        "{\"a\":{}}                                                      | faulty JSON",
        "{\"a\":null}                                                    | expected dtype",
        "{\"a\":[]}                                                      | faulty JSON",
        "{\"a\":A,\"a\":A}                                               | Duplicate",
        "{\"a\":A}{}                                                     | more JSON",
        "{\"a\":A} x                                                     | faulty JSON",
        "{\"\":A}                                                        | 1 to 1024 characters",
        "{\"__metadata__\":{\"k\":1},\"a\":A}                            | faulty JSON",
        "{\"__metadata__\":{\"k\":null},\"a\":A}                         | null",
        "{\"__metadata__\":null,\"a\":A}                                 | null",
        "{\"__metadata__\":[],\"a\":A}                                   | faulty JSON",
        "{\"a\":{\"dtype\":\"F31\",\"shape\":[4],\"data_offsets\":[0,16]}} | found 'F31'",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,16]}} | expected 20 bytes",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-4],\"data_offsets\":[0,16]}} | below zero",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[null],\"data_offsets\":[0,16]}} | 'a'",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4.0],\"data_offsets\":[0,16]}} | faulty JSON",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[\"4\"],\"data_offsets\":[0,16]}} | faulty JSON",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0]}}  | two data_offsets",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[16,0]}} | expected 16 bytes",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[-16,0]}} | expected 16 bytes",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[4,20]}} | at offset 0",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16],\"x\":1}} | faulty JSON",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,9],\"data_offsets\":[0,16]}}"
            + "|larger than any memory",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[92233720368547758070],\"data_offsets\":[0,16]}}"
            + "|faulty JSON",
        "{\"a\":A,\"b\":A}                                               | at offset 16",
        "{}                                                              | 0 bytes of values",
        "{\"a\":[[[[[[[[[[[[]]]]]]]]]]]]}                                | faulty JSON"
      })
  void shouldRefuseAHostileHeader(String json, String reason) {
    assertThatThrownBy(() -> parse(json.replace("A", F32_4), 16))
        .isInstanceOf(DamagedException.class)
        .hasMessageContaining(reason);
  }

  @Test
  void shouldRefuseMoreDimensionsThanAnyTensorHas() {
    String ones = "1,".repeat(Bounds.DIMENSIONS) + "1";
    assertThatThrownBy(
            () ->
                parse(
                    "{\"a\":{\"dtype\":\"U8\",\"shape\":[" + ones + "],\"data_offsets\":[0,1]}}",
                    1))
        .isInstanceOf(DamagedException.class)
        .hasMessageContaining("at most 64 dimensions");
  }

  @Test
  void shouldRefuseMoreTensorsThanAnyCheckpointHas() {
    StringBuilder json = new StringBuilder("{");
    for (int i = 0; i <= Bounds.TENSORS; i++) {
      json.append("\"")
          .append(i)
          .append("\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},");
    }
    json.setCharAt(json.length() - 1, '}');
    assertThatThrownBy(() -> parse(json.toString(), 0))
        .isInstanceOf(DamagedException.class)
        .hasMessageContaining("at most 200000 tensors");
  }

  @Test
  void shouldRefuseBytesThatAreNoText() {
    byte[] bytes = new byte[16];
    Arrays.fill(bytes, (byte) 0xC0);
    assertThatThrownBy(() -> SafetensorsHeader.parse(bytes, 0))
        .isInstanceOf(DamagedException.class)
        .hasMessageContaining("UTF-8");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1000",
    "1, 1000",
    "993, 1000",
    "-1, 1000",
    "9223372036854775807, 1000",
    "100000001, 1000000000",
    "2, 8",
    "2, 9"
  })
  void shouldRefuseALengthThatCannotBe(long length, long fileBytes) {
    byte[] prefix = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array();
    assertThatThrownBy(() -> SafetensorsHeader.jsonLength(prefix, fileBytes))
        .isInstanceOf(DamagedException.class)
        .hasMessageContaining(Long.toUnsignedString(length));
  }

  private static SafetensorsHeader parse(String json, long dataBytes) throws DamagedException {
    byte[] text = json.getBytes(StandardCharsets.UTF_8);
    byte[] bytes = new byte[8 + text.length];
    System.arraycopy(text, 0, bytes, 8, text.length);
    return SafetensorsHeader.parse(bytes, dataBytes);
  }
}
