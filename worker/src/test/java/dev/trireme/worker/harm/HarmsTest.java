package dev.trireme.worker.harm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.trireme.protocol.HarmKind;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real processes, a real file system and real packets are harmed, and all of it is taken back. */
class HarmsTest {
  private static final Duration LONG = Duration.ofMinutes(5);
  private static final Duration DEADLINE = Duration.ofSeconds(20);
  private static final byte[] BYTE = {1};

  @TempDir Path directory;

  private final Harms harms = new Harms();
  private final LinkedBlockingQueue<String> told = new LinkedBlockingQueue<>();
  private final List<Process> processes = new ArrayList<>();

  @AfterEach
  void end() {
    harms.close();
    processes.forEach(Process::destroyForcibly);
  }

  private Process start(String... command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    processes.add(process);
    return process;
  }

  private String begin(HarmKind kind, ProcessHandle victim, Path place, Duration lasting)
      throws InterruptedException {
    Harms.Order order =
        new Harms.Order(kind, victim, "job-1", place.toString(), directory, lasting, false);
    harms.begin(
        order,
        new Harms.Answer() {
          @Override
          public void done(String how) {
            told.add(how);
          }

          @Override
          public void refused(String why) {
            told.add("refused: " + why);
          }

          @Override
          public void lackRoom(Duration time) {
            told.add("lack room");
          }
        });
    return told.poll(DEADLINE.toSeconds(), TimeUnit.SECONDS);
  }

  private static void await(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as(what).isLessThan(end);
      LockSupport.parkNanos(5_000_000);
    }
  }

  private static boolean isStopped(Process process) {
    try {
      String stat = Files.readString(Path.of("/proc", String.valueOf(process.pid()), "stat"));
      return stat.substring(stat.lastIndexOf(')')).startsWith(") T");
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void shouldKillAndStopAndLetGoAgain() throws Exception {
    Process killed = start("sleep", "1000");
    assertThat(begin(HarmKind.KILL, killed.toHandle(), directory, LONG)).isEqualTo("killed");
    assertThat(killed.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS)).isTrue();

    Process stopped = start("sleep", "1000");
    assertThat(begin(HarmKind.FREEZE, stopped.toHandle(), directory, LONG)).isEqualTo("stopped");
    await("a stop", () -> isStopped(stopped));
    harms.close();
    await("its end", () -> !isStopped(stopped));
    assertThat(stopped.isAlive()).isTrue();
  }

  @Test
  void shouldStopAgainAndAgainWhatIsToBeSlow() throws Exception {
    Process slow = start("sleep", "1000");
    begin(HarmKind.SLOW, slow.toHandle(), directory, LONG);
    for (int i = 0; i < 3; i++) {
      await("a stop", () -> isStopped(slow));
      await("a pause of it", () -> !isStopped(slow));
    }
  }

  /** Whoever kills the agent must not leave a rank stopped: its owner's shell lets it go. */
  @Test
  void shouldLetGoWhenTheOwnerIsKilled() throws Exception {
    Process stopped = start("sleep", "1000");
    Process owner = owner("freeze", String.valueOf(stopped.pid()), "-", "-");
    await("a stop", () -> isStopped(stopped));
    owner.destroyForcibly();
    await("its end", () -> !isStopped(stopped));
  }

  private Process owner(String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(HarmOwner.class.getName());
    command.addAll(List.of(arguments));
    return start(command.toArray(String[]::new));
  }

  @Test
  void shouldTakeBackItselfWhenItsShellIsKilled() throws Exception {
    Path mark = directory.resolve("mark");
    Guard.Deed deed = new Guard.Deed("touch \"$2\"", "rm -f \"$2\"", List.of(mark.toString()));
    try (Guard guard = Guard.hold(deed, LONG)) {
      assertThat(mark).exists();
      ProcessHandle.current()
          .children()
          .filter(
              c ->
                  c.info().arguments().stream().anyMatch(a -> List.of(a).contains(mark.toString())))
          .forEach(ProcessHandle::destroyForcibly);
      await("the end of the shell", () -> !guard.isHeld());
    }
    assertThat(mark).doesNotExist();
  }

  @Test
  void shouldTakeBackByTheShellsOwnClockAndSayWhatCouldNotBeDone() throws Exception {
    Path mark = directory.resolve("mark");
    Guard.Deed deed = new Guard.Deed("touch \"$2\"", "rm -f \"$2\"", List.of(mark.toString()));
    try (Guard guard = Guard.hold(deed, Duration.ZERO)) {
      await("the end of the shell", () -> !guard.isHeld());
      assertThat(mark).doesNotExist();
    }
    Guard.Deed wrong =
        new Guard.Deed("touch \"$2\"; echo no; false", "rm -f \"$2\"", deed.arguments());
    assertThat(catchThrowable(() -> Guard.hold(wrong, LONG)))
        .isInstanceOf(HarmRefusedException.class)
        .hasMessage("no");
    assertThat(mark).doesNotExist();
  }

  @Test
  void shouldLeaveDisksAloneThatOthersNeed() throws Exception {
    assertThat(DiskFill.choose("s3://bucket/run", directory).words()).contains("object store");
    DiskFill.Way way = DiskFill.choose(directory.resolve("not/yet").toString(), directory);
    assertThat(way.fill()).isEmpty();
    assertThat(way.words()).contains("act as if there were no room");

    Process rank = start("sleep", "1000");
    assertThat(begin(HarmKind.FILL_DISK, rank.toHandle(), directory, LONG)).isEqualTo(way.words());
    assertThat(told.poll(DEADLINE.toSeconds(), TimeUnit.SECONDS)).isEqualTo("lack room");
    assertThat(harms.lackingRoom("job-1")).isPresent();
    assertThat(harms.lackingRoom("job-2")).isEmpty();
  }

  @Test
  void shouldFillADiskOfItsOwnAndGiveItBackWhoeverIsKilled() throws Exception {
    Path disk = Files.createDirectory(directory.resolve("disk"));
    boolean mounted =
        start("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk.toString()).waitFor() == 0;
    assumeTrue(mounted, "this user may not mount a file system of 8 MiB: skipped");
    try {
      Process rank = start("sleep", "1000");
      Process owner = owner("fill-disk", "" + rank.pid(), disk.toString(), directory.toString());
      await("a full disk", () -> !writes(disk));
      assertThat(disk.toFile().list()).as("nothing of it is seen").isEmpty();
      owner.destroyForcibly();
      await("room again", () -> writes(disk));

      assertThat(begin(HarmKind.FILL_DISK, rank.toHandle(), disk, LONG))
          .contains("has no byte left");
      assertThat(writes(disk)).isFalse();
      harms.close();
      assertThat(writes(disk)).isTrue();
    } finally {
      await("its release", () -> unmount(disk));
    }
  }

  private boolean unmount(Path disk) {
    try {
      return start("umount", disk.toString()).waitFor() == 0;
    } catch (IOException | InterruptedException e) {
      return false;
    }
  }

  private static boolean writes(Path disk) {
    Path file = disk.resolve("probe");
    try {
      Files.write(file, new byte[5000]);
      return true;
    } catch (IOException e) {
      return false;
    } finally {
      file.toFile().delete();
    }
  }

  @Test
  void shouldRefuseToDropALinkThatIsNotThere() throws Exception {
    Process rank = start("sleep", "1000");
    assertThat(begin(HarmKind.DROP_LINK, rank.toHandle(), directory, LONG))
        .startsWith("refused: ")
        .contains("speak through its memory");
  }

  /** The packets of one process's sockets, and of no others, until it is over. */
  @Test
  void shouldDropThePacketsOfOneProcessAlone() throws Exception {
    InetAddress here = InetAddress.getLoopbackAddress();
    Process rank = owner("listen", "-", "-", "-");
    int port = Integer.parseInt(rank.inputReader().readLine());
    try (DatagramSocket mine = new DatagramSocket(0, here);
        DatagramSocket other = new DatagramSocket(0, here)) {
      assertThat(LinkCut.ports(rank.pid())).containsExactly(new LinkCut.Port("udp", port));
      assertThat(echoes(mine, port)).isTrue();
      String answer = begin(HarmKind.DROP_LINK, rank.toHandle(), directory, LONG);
      assumeTrue(!answer.startsWith("refused"), answer + ": skipped");

      assertThat(answer).isEqualTo("its packets are dropped");
      assertThat(echoes(mine, port)).isFalse();
      mine.send(new DatagramPacket(BYTE, 1, here, other.getLocalPort()));
      other.setSoTimeout((int) DEADLINE.toMillis());
      other.receive(new DatagramPacket(new byte[1], 1));
      harms.close();
      assertThat(echoes(mine, port)).isTrue();
    }
  }

  /** A packet of loopback is there at once or never; a late echo of an earlier one does no harm. */
  private static boolean echoes(DatagramSocket mine, int port) throws IOException {
    mine.setSoTimeout(300);
    mine.send(new DatagramPacket(BYTE, 1, InetAddress.getLoopbackAddress(), port));
    try {
      mine.receive(new DatagramPacket(new byte[1], 1));
      return true;
    } catch (SocketTimeoutException e) {
      return false;
    } catch (IOException refusedByTheFilter) {
      return false;
    }
  }
}
