package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.checkpoint.Checkpointer.Restored;
import dev.trireme.api.job.S3Spec;
import dev.trireme.api.s3.S3Server;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import dev.trireme.checkpoint.format.TensorSpec;
import dev.trireme.checkpoint.storage.CheckpointStorage;
import dev.trireme.checkpoint.storage.FileSink;
import dev.trireme.checkpoint.storage.Staging;
import dev.trireme.checkpoint.storage.StoredFile;
import dev.trireme.checkpoint.storage.WriteBoundary;
import dev.trireme.checkpoint.storage.WriteStep;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Checkpoints in an object store that is a server of its own. */
class S3StorageTest {
  private static final AtomicInteger PLACES = new AtomicInteger();
  @TempDir static Path directory;
  private static S3Server server;
  private static S3Spec spec;

  private String place = "";

  @BeforeAll
  static void start() throws Exception {
    System.setProperty("aws.accessKeyId", "an-access-key");
    System.setProperty("aws.secretAccessKey", "a-very-secret-key");
    server = S3Server.start(directory);
    server.makeBucket("checkpoints");
    spec = new S3Spec(Optional.of(server.endpoint()), Optional.empty(), true);
  }

  @AfterAll
  static void stop() {
    server.close();
    System.clearProperty("aws.accessKeyId");
    System.clearProperty("aws.secretAccessKey");
  }

  @BeforeEach
  void choosePlace() {
    place = "s3://checkpoints/jobs/run-" + PLACES.incrementAndGet();
  }

  private CheckpointerConfig config(int rank, int worldSize, int keep) {
    return config(place, spec, rank, worldSize, keep);
  }

  private static CheckpointerConfig config(
      String place, S3Spec spec, int rank, int worldSize, int keep) {
    return new CheckpointerConfig(
        place,
        spec,
        rank,
        worldSize,
        Retention.newest(keep),
        Lineage.UNKNOWN,
        Checkpoints.DEADLINE);
  }

  private void save(int worldSize, State state, long generation, long step) {
    TestGate gate = new TestGate(worldSize);
    List<LocalCheckpointer> ranks = new ArrayList<>();
    try {
      for (int rank = 0; rank < worldSize; rank++) {
        ranks.add(LocalCheckpointer.open(config(rank, worldSize, 2), gate));
      }
      ranks.forEach(rank -> rank.save(state.at(generation, step)));
      ranks.forEach(rank -> rank.drain(Checkpoints.DEADLINE));
    } finally {
      ranks.forEach(LocalCheckpointer::close);
    }
    assertThat(gate.finished()).hasSize(1);
    assertThat(gate.finished().get(0).failure()).isEmpty();
  }

  private Optional<Restored> restore(String source, State state) {
    try (LocalCheckpointer reader = LocalCheckpointer.open(config(0, 1, 2), new TestGate(1))) {
      return reader.restore(source, state.tensors());
    }
  }

  private CheckpointStorage storage() {
    return CheckpointPlace.storage(place, spec);
  }

  private CheckpointStorage.Contents contents() throws IOException {
    try (CheckpointStorage storage = storage()) {
      return storage.contents();
    }
  }

  /** As a process that is killed before {@code boundary}. */
  private void dieBefore(WriteBoundary boundary, State state, long generation, long step)
      throws IOException {
    ShardPlan plan = ShardPlan.ofTensors(state.tensors(), 1);
    try (CheckpointStorage storage = storage();
        Snapshot snapshot = new Snapshot(DeviceMemory.HOST)) {
      snapshot.capture(plan.shard(0), state.tensors());
      CheckpointWrite write =
          new CheckpointWrite(
              new CheckpointWrite.Surroundings(
                  config(0, 1, 2),
                  new TestGate(1),
                  storage,
                  new Pruning(storage, Retention.newest(2), Lineage.UNKNOWN, Set::of),
                  snapshot),
              state.at(generation, step),
              plan);
      for (WriteStep one : write.steps()) {
        if (one.boundary() == boundary) {
          return; // Not even closed.
        }
        one.action().run();
      }
    }
  }

  @Test
  void shouldRestoreEveryBitWhateverTheNumberOfWriters() {
    try (State written = State.random(1);
        State read = State.zeros()) {
      save(3, written, 3, 1200);

      Optional<Restored> restored = restore(place, read);

      assertThat(restored.orElseThrow().from()).isEqualTo(place + "/step-00001200");
      assertThat(restored.get().progress().step()).isEqualTo(1200);
      assertThat(read.hash()).isEqualTo(written.hash());
    }
    try (State one = State.zeros()) {
      assertThat(restore(place + "/step-00001200", one)).isPresent();
    }
  }

  @Test
  void shouldUploadLargeFilesInPartsAndReadThemBack() {
    Map<String, TensorSpec> large = new LinkedHashMap<>();
    State.put(large, "model.large", DType.FLOAT32, 9_000_000);
    State.put(large, "model.small", DType.FLOAT32, 3);
    try (State written = State.zeros(large);
        State read = State.zeros(large)) {
      written.fill(7);
      save(1, written, 1, 10);

      restore(place, read);

      assertThat(read.hash()).isEqualTo(written.hash());
    }
  }

  @Test
  void shouldKeepTheNewestAndDeleteTheFilesOfTheOthers() throws Exception {
    try (State state = State.random(1)) {
      for (long step = 10; step <= 40; step += 10) {
        save(1, state, 1, step);
      }
    }
    assertThat(contents().checkpoints())
        .containsExactlyInAnyOrder("step-00000030", "step-00000040");
    assertThat(server.get("/checkpoints?list-type=2&prefix=" + prefix()))
        .doesNotContain("step-00000010")
        .contains("step-00000030/g1/rank-00000.safetensors");
  }

  private String prefix() {
    return place.substring("s3://checkpoints/".length());
  }

  @Test
  void shouldReplaceTheSameStepOfAnOlderGenerationInOneAct() throws Exception {
    try (State first = State.random(1);
        State second = State.random(2);
        State read = State.zeros()) {
      save(2, first, 1, 100);
      dieBefore(WriteBoundary.PUBLISH, second, 2, 100);
      restore(place, read);
      assertThat(read.hash()).isEqualTo(first.hash());
      assertThat(contents().staged()).containsExactly(new WriteId(2, 100));

      save(1, second, 3, 100);

      restore(place, read);
      assertThat(read.hash()).isEqualTo(second.hash());
      CheckpointStorage.Contents contents = contents();
      assertThat(contents.checkpoints()).containsExactly("step-00000100");
      assertThat(contents.staged()).isEmpty();
      assertThat(contents.trash()).isEmpty();
    }
  }

  @ParameterizedTest
  // The others are acts of a file system alone, or leave nothing in a store.
  @EnumSource(
      value = WriteBoundary.class,
      names = {
        "CREATE_STAGING",
        "CHECK_SPACE",
        "SYNC_SHARD_NAME",
        "COMPOSE",
        "WRITE_MANIFEST",
        "SYNC_MANIFEST.*",
        "PUT_AWAY",
        "SYNC_PUBLISHED"
      },
      mode = EnumSource.Mode.MATCH_NONE)
  void shouldFindTheNewestWholeOneAfterADeathAtEachBoundary(WriteBoundary boundary)
      throws IOException {
    try (State first = State.random(1);
        State second = State.random(2);
        State read = State.zeros()) {
      save(1, first, 1, 100);
      dieBefore(boundary, second, 1, 200);

      restore(place, read);
      boolean visible = boundary.compareTo(WriteBoundary.PUBLISH) > 0;
      assertThat(read.hash()).isEqualTo(visible ? second.hash() : first.hash());

      save(1, second, 2, 300);
      assertThat(contents().staged()).isEmpty();
      assertThat(contents().trash()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {100, 9 << 20})
  void shouldSetAHeadThatIsWrittenLastBeforeTheRest(int headBytes) throws Exception {
    byte[] head = new byte[headBytes];
    byte[] body = new byte[17 << 20];
    new Random(1).nextBytes(head);
    new Random(2).nextBytes(body);
    try (CheckpointStorage storage = storage()) {
      Staging staging = storage.stage(new WriteId(1, 100));
      try (FileSink sink = staging.write("rank-00000.safetensors", headBytes)) {
        sink.append(ByteBuffer.wrap(body));
        assertThatThrownBy(sink::sync).hasMessageContaining("head was not written");
        assertThatThrownBy(() -> sink.head(ByteBuffer.allocate(1)))
            .hasMessage("expected a head of " + headBytes + " bytes, found 1");
        sink.head(ByteBuffer.wrap(head));
        sink.sync();
      }
      try (StoredFile file = staging.open("rank-00000.safetensors")) {
        ByteBuffer read = ByteBuffer.allocate(head.length + body.length);
        assertThat(file.size()).isEqualTo(read.capacity());
        file.read(read, 0);
        assertThat(Arrays.copyOfRange(read.array(), 0, headBytes)).isEqualTo(head);
        assertThat(Arrays.copyOfRange(read.array(), headBytes, read.capacity())).isEqualTo(body);
      }
      staging.discard();
    }
  }

  @Test
  void shouldSweepAnUploadWhoseWriterDiedHalfWay() throws Exception {
    try (CheckpointStorage storage = storage()) {
      // Two parts and a bit: the upload has begun, and nobody completes it.
      FileSink sink = storage.stage(new WriteId(1, 100)).write("rank-00000.safetensors", 0);
      sink.append(ByteBuffer.allocate(17 << 20));
      assertThat(storage.contents().staged()).containsExactly(new WriteId(1, 100));
      assertThat(storage.contents().checkpoints()).isEmpty();
    }
    try (State state = State.random(1)) {
      save(1, state, 2, 200);
    }
    assertThat(contents().staged()).isEmpty();
    assertThat(server.get("/checkpoints?uploads&prefix=" + prefix())).doesNotContain("<Upload>");
  }

  @Test
  void shouldTakeBackAFailedWriteAndSaveAgain() throws Exception {
    boolean[] failed = new boolean[1];
    WriteProbe once =
        at -> {
          if (at == WriteBoundary.PUBLISH && !failed[0]) {
            failed[0] = true;
            throw new IOException("Input/output error");
          }
        };
    try (State state = State.random(1);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(config(0, 1, 2), new TestGate(1), once)) {
      checkpointer.save(state.at(1, 100));
      checkpointer.save(state.at(1, 200));
      checkpointer.drain(Checkpoints.DEADLINE);
    }
    assertThat(contents().checkpoints()).containsExactly("step-00000200");
    assertThat(contents().staged()).isEmpty();
  }

  @Test
  void shouldSkipACheckpointWithoutAShardAndSayWhy() throws Exception {
    try (State first = State.random(1);
        State second = State.random(2);
        State read = State.zeros()) {
      save(1, first, 1, 100);
      save(1, second, 1, 200);
      server.ask(
          "DELETE", "/checkpoints/" + prefix() + "/step-00000200/g1/rank-00000.safetensors", 204);

      assertThat(restore(place, read).orElseThrow().progress().step()).isEqualTo(100);
      try (CheckpointStorage storage = storage()) {
        assertThat(new CheckpointReader(storage).select(Lineage.UNKNOWN).skipped())
            .singleElement()
            .satisfies(s -> assertThat(s.reason()).contains("rank-00000.safetensors is missing"));
      }
    }
  }

  @Test
  void shouldFindNothingWhereNothingWasWritten() {
    try (State read = State.zeros()) {
      assertThat(restore(place, read)).isEmpty();
    }
  }

  @Test
  void shouldSayThatTheBucketIsMissing() {
    String nowhere = "s3://no-such-bucket/run";
    assertThatThrownBy(
            () -> LocalCheckpointer.open(config(nowhere, spec, 0, 1, 2), new TestGate(1)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("expected bucket 'no-such-bucket' to be at " + server.endpoint())
        .hasMessageContaining("make it, or name another place");
  }

  @Test
  void shouldSayThatTheStoreCannotBeReached() {
    S3Spec gone = new S3Spec(Optional.of("http://127.0.0.1:1"), Optional.of("eu-central-1"), true);
    assertThatThrownBy(() -> LocalCheckpointer.open(config(place, gone, 0, 1, 2), new TestGate(1)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("cannot reach http://127.0.0.1:1")
        .hasMessageContaining("checkpoint.s3.endpoint");
  }

  @Test
  void shouldSayThatAccessIsDeniedWithoutNamingTheKey() throws Exception {
    HttpServer denying =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 8);
    denying.createContext(
        "/",
        exchange -> {
          byte[] answer =
              ("<Error><Code>InvalidAccessKeyId</Code><Message>no key an-access-key</Message>"
                      + "</Error>")
                  .getBytes(StandardCharsets.UTF_8);
          boolean head = exchange.getRequestMethod().equals("HEAD");
          exchange.sendResponseHeaders(403, head ? -1 : answer.length);
          if (!head) {
            exchange.getResponseBody().write(answer);
          }
          exchange.close();
        });
    denying.start();
    try {
      String endpoint = "http://127.0.0.1:" + denying.getAddress().getPort();
      S3Spec denied = new S3Spec(Optional.of(endpoint), Optional.empty(), true);
      assertThatThrownBy(
              () -> LocalCheckpointer.open(config(place, denied, 0, 1, 2), new TestGate(1)))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("access denied by " + endpoint + " (403")
          .hasMessageContaining("AWS_PROFILE");
      try (CheckpointStorage storage = CheckpointPlace.storage(place, denied)) {
        assertThatThrownBy(storage::contents)
            .hasMessageContaining("403 InvalidAccessKeyId")
            .hasMessageNotContaining("an-access-key")
            .hasMessageNotContaining("a-very-secret-key");
      }
    } finally {
      denying.stop(0);
    }
  }

  @Test
  void shouldRefuseAUsedPlaceToARunThatContinuesNone() {
    EarlierRuns.refuse(place, spec, 1, Optional.empty());
    try (State state = State.random(1)) {
      save(1, state, 1, 100);
    }
    assertThatThrownBy(() -> EarlierRuns.refuse(place, spec, 1, Optional.empty()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("'" + place + "' is not empty");
    assertThatThrownBy(() -> EarlierRuns.refuse(place, spec, 1, Optional.of(place + "/")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("holds checkpoints of generation 1 of another run");
    assertThat(EarlierRuns.highestGeneration(place, spec)).isEqualTo(1);
  }

  /** Another run's, which has the generation of the one that was to be stored. */
  @Test
  void shouldNotTakeAnothersManifestForTheOneThatWasNotStored() throws Exception {
    byte[] others;
    try (State state = State.random(1);
        CheckpointStorage storage = storage()) {
      save(1, state, 1, 100);
      try (StoredFile file = storage.openManifest("step-00000100")) {
        ByteBuffer read = ByteBuffer.allocate((int) file.size());
        file.read(read, 0);
        others = read.array();
      }
    }
    HttpServer full =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 8);
    full.createContext("/", exchange -> answer(exchange, others));
    full.start();
    S3Spec there =
        new S3Spec(
            Optional.of("http://127.0.0.1:" + full.getAddress().getPort()), Optional.empty(), true);
    try (CheckpointStorage storage = CheckpointPlace.storage(place, there)) {
      for (boolean own : new boolean[] {false, true}) {
        byte[] manifest = own ? others : "{}".getBytes(StandardCharsets.UTF_8);
        WriteStep publish = storage.stage(new WriteId(1, 100)).publication(() -> manifest).get(0);
        if (own) {
          publish.action().run();
        } else {
          assertThatThrownBy(() -> publish.action().run()).hasMessageContaining("507");
        }
      }
    } finally {
      full.stop(0);
    }
  }

  /** As a store that is full. */
  private static void answer(HttpExchange exchange, byte[] manifest) throws IOException {
    try (exchange) {
      exchange.getRequestBody().readAllBytes();
      if (exchange.getRequestMethod().equals("PUT")) {
        exchange.sendResponseHeaders(507, -1);
      } else if (exchange.getRequestMethod().equals("HEAD")) {
        exchange.getResponseHeaders().add("Content-Length", String.valueOf(manifest.length));
        exchange.sendResponseHeaders(200, -1);
      } else {
        exchange.sendResponseHeaders(206, manifest.length);
        exchange.getResponseBody().write(manifest);
      }
    }
  }

  @Test
  void shouldRefuseWhatIsNoAddress() {
    for (String wrong : List.of("s3://", "s3:///x", "s3://Bucket/x", "s3://bucket//x//y")) {
      assertThatThrownBy(() -> CheckpointPlace.storage(wrong, spec))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(wrong);
    }
  }

  @Test
  void shouldHaveNoLimitThatAStoreWouldTell() throws Exception {
    try (CheckpointStorage storage = storage()) {
      assertThat(storage.usableBytes()).isEqualTo(OptionalLong.empty());
    }
  }
}
