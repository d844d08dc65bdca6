package dev.trireme.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import com.esotericsoftware.kryo.io.Output;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.Size;

/** Whatever the bytes: a message, or a CodecException; never an error, never much memory. */
class HostileBytesTest {
  private static final MessageCodec CODEC = new MessageCodec();
  private static final List<byte[]> ENCODED =
      SampleMessages.all().stream().map(CODEC::encode).toList();

  @Property(tries = 2000)
  void shouldRefuseRandomBytes(@ForAll @Size(max = 200) byte[] bytes) {
    decode(bytes);
  }

  @Property(tries = 2000)
  void shouldRefuseRandomContentOfEveryMessage(
      @ForAll("classIds") int id, @ForAll @Size(max = 200) byte[] content) {
    Output output = new Output(256, -1);
    output.writeVarInt(MessageRegistry.VERSION, true);
    output.writeVarInt(id + 2, true);
    output.writeBytes(content);
    decode(output.toBytes());
  }

  @Property(tries = 8000)
  void shouldSurviveMutatedMessages(@ForAll("mutated") byte[] bytes) {
    decode(bytes);
  }

  @Example
  void shouldRefuseAClaimOfTwoThousandMillionElementsBeforeAllocating() {
    // TellRanks: stamp (1, 1), job "j", then a list of ranks that claims to be endless.
    byte[] bytes = {1, 22 + 2, 2, 2, 1, 'j', -1, -1, -1, -1, 7, 0, 0, 0};

    assertThat(decode(bytes))
        .isInstanceOfSatisfying(
            CodecException.class,
            e -> assertThat(e).hasMessageContaining("a length of 2147483647 with 3 bytes left"));
  }

  @Example
  void shouldRefuseNestedLayersBeforeTheStackEnds() {
    byte[] start = CODEC.encode(SampleMessages.all().get(1));
    int model = indexOf(start, "layers".getBytes(StandardCharsets.UTF_8)) + "layers".length();
    byte[] bytes = Arrays.copyOf(start, 100_000);
    for (int i = model; i + 4 <= bytes.length; i += 3) {
      bytes[i] = 1;
      bytes[i + 1] = (byte) (195 + 2 | 0x80);
      bytes[i + 2] = 1;
    }

    assertThat(decode(bytes))
        .isInstanceOfSatisfying(
            CodecException.class, e -> assertThat(e).hasMessageContaining("Max depth exceeded"));
  }

  @Example
  void shouldUseAConnectionAgainAfterHostileBytes() {
    for (int i = 0; i < 100; i++) {
      decode(new byte[] {1, 42, -1, -1, -1, -1, -1});
    }

    assertThat(CODEC.decode(ENCODED.get(0))).isEqualTo(SampleMessages.all().get(0));
  }

  /** Decodes, or returns the refusal. */
  private static Object decode(byte[] bytes) {
    try {
      Message message = CODEC.decode(bytes);
      CODEC.encode(message);
      return message;
    } catch (CodecException e) {
      assertThat(e.getMessage()).isNotBlank();
      return e;
    }
  }

  private static int indexOf(byte[] bytes, byte[] part) {
    for (int i = 0; i + part.length <= bytes.length; i++) {
      if (Arrays.equals(bytes, i, i + part.length, part, 0, part.length)) {
        return i;
      }
    }
    throw new AssertionError("not found");
  }

  @Provide
  Arbitrary<Integer> classIds() {
    return Arbitraries.of(MessageRegistry.byId().keySet());
  }

  @Provide
  Arbitrary<byte[]> mutated() {
    Arbitrary<Double> places = Arbitraries.doubles().between(0, 1);
    Arbitrary<Byte> values =
        Arbitraries.bytes().edgeCases(edges -> edges.add((byte) -1, (byte) 0x7f, (byte) 0x80));
    return Combinators.combine(
            Arbitraries.of(ENCODED),
            Combinators.combine(places, values).as(Mutation::new).list().ofMinSize(1).ofMaxSize(6))
        .as(
            (original, mutations) -> {
              byte[] bytes = original.clone();
              mutations.forEach(
                  m -> bytes[(int) Math.min(bytes.length - 1.0, m.at * bytes.length)] = m.value);
              return bytes;
            });
  }

  private record Mutation(double at, byte value) {}
}
