package dev.trireme.launcher.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.allreduce.nccl.NcclProcessGroup;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.launcher.Standins;
import dev.trireme.protocol.AgentToRank.Contacts;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Formations over NCCL's stand-in, whose contacts the test deals as the coordinator does. */
@Timeout(60)
class NcclMeetingTest {
  private static final String PER_RANK = "trireme.test.ncclDevicePerRank";

  @TempDir Path directory;

  private final List<NcclEstate> estates = new ArrayList<>();
  private MediaDriver driver;
  private Duration patience = Duration.ofSeconds(20);

  @BeforeEach
  void start() throws Exception {
    Standins.load();
    Standins.faults("");
    System.setProperty(PER_RANK, "true");
    driver =
        MediaDriver.launch(
            new MediaDriver.Context()
                .aeronDirectoryName(directory.resolve("aeron").toString())
                .threadingMode(ThreadingMode.SHARED)
                .termBufferSparseFile(true)
                .dirDeleteOnShutdown(true));
  }

  @AfterEach
  void stop() {
    System.clearProperty(PER_RANK);
    estates.forEach(NcclEstate::close);
    driver.close();
  }

  /** A formation of as many ranks as there are estates. */
  private List<ProcessGroup> form(long generation, List<NcclEstate> ranks) throws Exception {
    int count = ranks.size();
    Path shared = Files.createDirectory(directory.resolve("generation-" + generation));
    List<CompletableFuture<String>> contacts = new ArrayList<>();
    List<NcclMeeting> meetings = new ArrayList<>();
    List<CompletableFuture<ProcessGroup>> groups = new ArrayList<>();
    for (int rank = 0; rank < count; rank++) {
      GroupConfig config =
          new GroupConfig(
              rank,
              count,
              generation,
              Path.of(driver.aeronDirectoryName()),
              shared,
              (int) (1000 * generation),
              2 * count * count,
              generation,
              patience);
      CompletableFuture<String> contact = new CompletableFuture<>();
      contacts.add(contact);
      NcclMeeting meeting =
          new NcclMeeting(
              config,
              Duration.ofSeconds(20),
              ranks.get(rank),
              () -> {},
              report -> contact.complete(((RankReport.Contact) report).contact()));
      meetings.add(meeting);
      CompletableFuture<ProcessGroup> group = new CompletableFuture<>();
      groups.add(group);
      new Thread(
              () -> {
                try {
                  group.complete(meeting.join(new AbortSwitch()));
                } catch (Throwable e) {
                  group.completeExceptionally(e);
                }
              },
              "meeting-" + rank)
          .start();
    }
    List<String> all = new ArrayList<>();
    for (CompletableFuture<String> contact : contacts) {
      all.add(contact.get(20, TimeUnit.SECONDS));
    }
    meetings.forEach(meeting -> meeting.dealt(new Contacts(new Stamp(1, generation), all)));
    List<ProcessGroup> met = new ArrayList<>();
    for (CompletableFuture<ProcessGroup> group : groups) {
      met.add(group.get(20, TimeUnit.SECONDS));
    }
    return met;
  }

  private static void putInt(TensorBuffer buffer, int value) {
    NativeMemory.view(buffer.address(), Integer.BYTES).putInt(0, value);
  }

  private static int getInt(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), Integer.BYTES).getInt(0);
  }

  private void addEstates(int count) {
    for (int i = 0; i < count; i++) {
      estates.add(new NcclEstate());
    }
  }

  private static int sum(List<ProcessGroup> groups) {
    List<TensorBuffer> buffers = new ArrayList<>();
    List<Work> works = new ArrayList<>();
    for (ProcessGroup group : groups) {
      TensorBuffer buffer = group.allocate(DType.INT32, 1);
      putInt(buffer, 10 + group.rank());
      buffers.add(buffer);
      works.add(group.allReduce(buffer, ReduceOp.SUM));
    }
    works.forEach(Work::await);
    assertThat(buffers).extracting(NcclMeetingTest::getInt).containsOnly(getInt(buffers.get(0)));
    return getInt(buffers.get(0));
  }

  @Test
  void shouldCarryMessagesWithTagsBesideCollectivesFromDeviceToDevice() throws Exception {
    addEstates(2);
    List<ProcessGroup> groups = form(1, estates);
    TensorBuffer from = groups.get(0).allocate(device(0), DType.INT32, 1);
    TensorBuffer other = groups.get(0).allocate(DType.INT32, 1);
    // The stand-in's devices are the host's memory, which is zeroed in the order of the stream.
    new CudaMemory(device(0)).synchronize(device(0));
    putInt(from, 5);
    putInt(other, 6);
    TensorBuffer tagged = groups.get(1).allocate(device(1), DType.INT32, 1);
    TensorBuffer second = groups.get(1).allocate(DType.INT32, 1);
    Work waits = groups.get(1).receive(tagged, 0, 77);
    assertThat(sum(groups)).as("a message that waits holds up no collective").isEqualTo(21);
    Work later = groups.get(1).receive(second, 0, 78);
    // In the other order: it is the tag that counts. A send ends when it has been received.
    groups.get(0).send(other, 1, 78).await();
    groups.get(0).send(from, 1, 77).await();
    waits.await();
    later.await();
    assertThat(getInt(tagged)).isEqualTo(5);
    assertThat(getInt(second)).isEqualTo(6);
    groups.forEach(ProcessGroup::close);
  }

  /** Rank 1 is killed inside an all-reduce that the others are in. */
  private void loseRankOne(List<ProcessGroup> three) {
    List<Work> stuck = new ArrayList<>();
    for (int rank : new int[] {0, 2}) {
      stuck.add(three.get(rank).allReduce(three.get(rank).allocate(DType.INT32, 1), ReduceOp.SUM));
    }
    for (int rank : new int[] {0, 2}) {
      three.get(rank).abort("rank 1 has exited");
      estates.get(rank).take(three.get(rank));
      assertThat(estates.get(rank).claim()).isPresent();
    }
    stuck.forEach(work -> assertThatThrownBy(work::await).isInstanceOf(CollectiveException.class));
  }

  @Test
  void shouldMeetWithTheNewIdInTheSameFormationWhereOneCannotGoOnWithWhatItHas() throws Exception {
    addEstates(3);
    List<ProcessGroup> three = form(1, estates);
    loseRankOne(three);
    Standins.faults("shrink 2 0\n");
    patience = Duration.ofSeconds(6);

    List<ProcessGroup> two = form(2, List.of(estates.get(0), estates.get(2)));

    assertThat(sum(two)).isEqualTo(21);
    two.forEach(ProcessGroup::close);
    three.get(1).close();
  }

  @Test
  void shouldGoOnAmongThoseLeftWithWhatTheyHaveAndThenGrowWithANewId() throws Exception {
    addEstates(3);
    List<ProcessGroup> three = form(1, estates);
    assertThat(sum(three)).isEqualTo(33);
    loseRankOne(three);

    List<ProcessGroup> two = form(2, List.of(estates.get(0), estates.get(2)));

    assertThat(two).allMatch(group -> group instanceof NcclProcessGroup);
    assertThat(two).extracting(ProcessGroup::worldSize).containsOnly(2);
    assertThat(sum(two)).isEqualTo(21);
    assertThat(estates.get(0).claim()).isEmpty();
    two.forEach(ProcessGroup::close);
    List<ProcessGroup> grown = form(3, List.of(estates.get(0), estates.get(2), new NcclEstate()));
    assertThat(sum(grown)).isEqualTo(33);
    grown.forEach(ProcessGroup::close);
    three.get(1).close();
  }

  private static Device device(int index) {
    return new Device(Device.Kind.CUDA, index);
  }
}
