package dev.trireme.protocol;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.ModelSpec;
import java.lang.reflect.RecordComponent;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class MessageCodecTest {
  private final MessageCodec codec = new MessageCodec();

  static List<Message> everyMessage() {
    return SampleMessages.all();
  }

  @ParameterizedTest
  @MethodSource("everyMessage")
  void shouldBringBackWhatWasEncoded(Message message) {
    assertThat(codec.decode(codec.encode(message))).isEqualTo(message);
  }

  @ParameterizedTest
  @MethodSource("everyMessage")
  void shouldEncodeEqualMessagesToEqualBytes(Message message) {
    byte[] bytes = codec.encode(message);

    assertThat(codec.encode(codec.decode(bytes))).isEqualTo(bytes);
  }

  @Test
  void shouldSampleEveryRegisteredClass() {
    Set<Class<?>> seen = new HashSet<>();
    SampleMessages.all().forEach(message -> collect(message, seen));

    assertThat(MessageRegistry.byId().values()).isSubsetOf(seen);
  }

  @Test
  void shouldDecodeFromAnyPartOfABuffer() {
    Message message = SampleMessages.all().get(0);
    byte[] bytes = codec.encode(message);
    byte[] padded = new byte[bytes.length + 7];
    System.arraycopy(bytes, 0, padded, 3, bytes.length);
    ByteBuffer heap = ByteBuffer.wrap(padded, 3, bytes.length);
    ByteBuffer direct = ByteBuffer.allocateDirect(padded.length).put(padded);
    direct.position(3).limit(3 + bytes.length);

    assertThat(codec.decode(padded, 3, bytes.length)).isEqualTo(message);
    assertThat(codec.decode(heap)).isEqualTo(message);
    assertThat(codec.decode(heap.slice())).isEqualTo(message);
    assertThat(codec.decode(direct)).isEqualTo(message);
    assertThat(direct.position()).isEqualTo(3);
  }

  @Test
  void shouldBringListsAndMapsBackImmutable() {
    RankReport.Finished finished =
        (RankReport.Finished)
            codec.decode(
                codec.encode(
                    new RankReport.Finished(
                        dev.trireme.api.train.Progress.START,
                        0,
                        false,
                        Map.of("loss", 1.0),
                        "",
                        0)));

    assertThatThrownBy(() -> finished.metrics().put("x", 1.0))
        .isInstanceOf(UnsupportedOperationException.class);
  }

  @ParameterizedTest
  @MethodSource("everyMessage")
  void shouldRefuseEveryTruncation(Message message) {
    byte[] bytes = codec.encode(message);
    for (int length = 0; length < bytes.length; length++) {
      byte[] cut = Arrays.copyOf(bytes, length);
      assertThatThrownBy(() -> codec.decode(cut)).isInstanceOf(CodecException.class);
    }
  }

  @Test
  void shouldRefuseBytesAfterTheMessage() {
    byte[] bytes = codec.encode(new AgentToRank.Release());

    assertThatThrownBy(() -> codec.decode(Arrays.copyOf(bytes, bytes.length + 2)))
        .isInstanceOf(CodecException.class)
        .hasMessage("expected one message, found 2 bytes after a Release");
  }

  @Test
  void shouldRefuseAnotherRegistryVersion() {
    byte[] bytes = codec.encode(new AgentToRank.Release());
    bytes[0]++;

    assertThatThrownBy(() -> codec.decode(bytes))
        .isInstanceOf(CodecException.class)
        .hasMessageContaining("registry version " + MessageCodec.REGISTRY_VERSION + ", found");
  }

  @Test
  void shouldRefuseARecordThatIsNoMessage() {
    byte[] bytes = {1, 100 + 2, 1, 1};

    assertThatThrownBy(() -> codec.decode(bytes))
        .isInstanceOf(CodecException.class)
        .hasMessageContaining("expected a Message, found Stamp");
  }

  @Test
  void shouldRefuseAClassGivenByName() {
    byte[] bytes = {1, 1, 0, 'j', 'a', 'v', 'a'};

    assertThatThrownBy(() -> codec.decode(bytes))
        .isInstanceOf(CodecException.class)
        .hasMessageContaining("a class is given by name");
  }

  @Test
  void shouldRefuseAMessageThatIsTooLong() {
    Message tooLong =
        new AgentToRank.StopAfterStep(new Stamp(1, 1), "x".repeat(MessageCodec.MAX_BYTES));

    assertThatThrownBy(() -> codec.encode(tooLong))
        .isInstanceOf(CodecException.class)
        .hasMessageContaining("at most 1048576 bytes");
    assertThatThrownBy(() -> codec.decode(new byte[MessageCodec.MAX_BYTES + 1]))
        .isInstanceOf(CodecException.class)
        .hasMessageContaining("at most 1048576 bytes");
  }

  @Test
  void shouldRefuseNestingThatIsTooDeep() {
    LayerSpec layer = new LayerSpec.Relu();
    for (int i = 0; i < MessageCodec.MAX_DEPTH; i++) {
      layer = new LayerSpec.Residual(List.of(layer));
    }
    JobSpec job = SampleMessages.jobs().get(0);
    ModelSpec deep =
        new ModelSpec(List.of(layer), Optional.empty(), Optional.empty(), Optional.empty());
    JobSpec deepJob =
        new JobSpec(
            "deep",
            deep,
            Optional.empty(),
            job.data(),
            job.train(),
            job.parallel(),
            job.checkpoint());
    Message message =
        new CoordinatorToAgent.StartRanks(new Stamp(1, 1), "j", deepJob, "", "", 1, List.of(0), 1);

    assertThatThrownBy(() -> codec.encode(message))
        .isInstanceOf(CodecException.class)
        .hasMessageContaining("Max depth exceeded");
  }

  @Test
  void shouldNameTheComponentThatIsNull() {
    assertThatThrownBy(() -> codec.encode(new RankReport.Failed(1, null, 0, false)))
        .isInstanceOf(CodecException.class)
        .hasMessageContaining("Failed.verdict is null");
  }

  @Test
  void shouldSayWhatARecordRefuses() {
    byte[] bytes = codec.encode(new AgentToRank.CheckpointAfterStep(new Stamp(1, 1)));
    bytes[bytes.length - 2] = 0;

    assertThatThrownBy(() -> codec.decode(bytes))
        .isInstanceOf(CodecException.class)
        .hasMessageContaining("Stamp refuses its content: no such stamp: term 0");
  }

  @Test
  void shouldRegisterEveryRecordThatMessagesCanHold() {
    Set<String> missing = new TreeSet<>();
    Set<Class<?>> seen = new HashSet<>();
    reach(Message.class, seen);
    for (Class<?> type : seen) {
      if (type.isRecord() && !MessageRegistry.byId().containsValue(type)) {
        missing.add(type.getName());
      }
    }

    assertThat(missing).as("records to be given a number in MessageRegistry").isEmpty();
    assertThat(seen).containsAll(MessageRegistry.byId().values());
  }

  private static void reach(Class<?> type, Set<Class<?>> seen) {
    if (!type.getName().startsWith("dev.trireme") || !seen.add(type)) {
      return;
    }
    if (type.isSealed()) {
      for (Class<?> permitted : type.getPermittedSubclasses()) {
        reach(permitted, seen);
      }
    } else if (type.isRecord()) {
      for (RecordComponent component : type.getRecordComponents()) {
        ValueTypes.of(component.getGenericType()).forEach(t -> reach(t, seen));
      }
    }
  }

  private static void collect(Object value, Set<Class<?>> seen) {
    if (value instanceof Record) {
      seen.add(value.getClass());
      for (RecordComponent component : value.getClass().getRecordComponents()) {
        try {
          collect(component.getAccessor().invoke(value), seen);
        } catch (ReflectiveOperationException e) {
          throw new AssertionError(e);
        }
      }
    } else if (value instanceof Iterable<?> values) {
      values.forEach(each -> collect(each, seen));
    } else if (value instanceof Optional<?> optional) {
      optional.ifPresent(present -> collect(present, seen));
    }
  }
}
