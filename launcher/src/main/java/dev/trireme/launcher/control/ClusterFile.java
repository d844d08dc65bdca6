package dev.trireme.launcher.control;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * What {@code cluster.json} in a run directory says: how to reach the process that runs the job.
 * Only its user can read the file, which holds the token that every request must carry.
 *
 * @param address as {@code host:port}
 * @param token a secret
 * @param host that the process runs on
 * @param boot of that host's kernel, which containers share with it; empty where it has none
 * @param pid of the process
 * @param started when that process began, in milliseconds since 1970, which tells it from a later
 *     one that was given its pid
 * @param jobId of the job
 */
public record ClusterFile(
    String address, String token, String host, String boot, long pid, long started, String jobId) {
  private static final String NAME = "cluster.json";
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final int MAX_BYTES = 16 << 10;

  /** The kernel counts from the boot, and where that lies moves with corrections of the clock. */
  private static final long CLOCK_MILLIS = 2_000;

  /** A file that is none of ours; the message says which, what is wrong with it, and the mend. */
  public static final class UnusableException extends IOException {
    private static final long serialVersionUID = 1L;

    UnusableException(Path file, String what) {
      super(
          file
              + ": "
              + what
              + "; where no trireme runs in this directory any more, delete the file and go on with"
              + " ./trireme job resume "
              + file.getParent());
    }
  }

  /** Of this process. */
  static ClusterFile ofThisProcess(String address, String token, String jobId) {
    ProcessHandle self = ProcessHandle.current();
    return new ClusterFile(
        address,
        token,
        HostName.ofThisHost(),
        HostName.boot(),
        self.pid(),
        started(self).orElse(0),
        jobId);
  }

  /** Writes it, readable for this user alone from its first byte on. */
  public void write(Path runDirectory) throws IOException {
    Path file = runDirectory.resolve(NAME);
    Files.deleteIfExists(file);
    String text =
        JsonNodeFactory.instance
                .objectNode()
                .put("address", address)
                .put("token", token)
                .put("host", host)
                .put("boot", boot)
                .put("pid", pid)
                .put("started", started)
                .put("job", jobId)
                .toPrettyString()
            + "\n";
    try (SeekableByteChannel channel =
        Files.newByteChannel(
            file,
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
      channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }
  }

  /** Takes it away; does nothing when it is not there. */
  public static void delete(Path runDirectory) throws IOException {
    Files.deleteIfExists(runDirectory.resolve(NAME));
  }

  /** Whether a run directory has one, whatever it says. */
  static boolean isIn(Path runDirectory) {
    return Files.exists(runDirectory.resolve(NAME), LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * What a run directory says; empty when it says nothing, or of a process that is gone.
   *
   * @throws UnusableException when the file is there and cannot be one that {@link #write} wrote,
   *     or was written on another host, of whose processes nothing is known here
   */
  public static Optional<ClusterFile> read(Path runDirectory) throws IOException {
    Path file = runDirectory.resolve(NAME);
    if (!isIn(runDirectory)) {
      return Optional.empty();
    }
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      throw new UnusableException(file, "expected a file, found something else");
    }
    ClusterFile found = parse(file);
    String here = HostName.ofThisHost();
    // Under the same name it is this host, and was perhaps started anew; another container of this
    // host has another name and the same kernel.
    if (!found.host.equals(here)
        && !(found.boot.equals(HostName.boot()) && !found.boot.isEmpty())) {
      throw new UnusableException(
          file,
          "the run was begun on host '" + found.host + "', this is '" + here + "': ask there");
    }
    return found.isAlive() ? Optional.of(found) : Optional.empty();
  }

  /** Nothing of the file is shown in a message: it holds the token. */
  private static ClusterFile parse(Path file) throws IOException {
    JsonNode json;
    try (InputStream in = Files.newInputStream(file)) {
      json = JSON.readTree(in.readNBytes(MAX_BYTES));
    } catch (JacksonException e) {
      throw new UnusableException(file, "expected JSON, found something else");
    }
    int port = 0;
    String address = json.path("address").asText();
    if (address.matches("127\\.0\\.0\\.1:[0-9]{1,5}")) {
      port = Integer.parseInt(address.substring(address.indexOf(':') + 1));
    }
    require(port > 0 && port <= 0xffff, file, "'address', 127.0.0.1 and a port");
    String token = json.path("token").asText();
    require(token.matches("[0-9a-f]{64}"), file, "'token', 64 hexadecimal digits");
    String host = json.path("host").asText();
    require(host.matches("[A-Za-z0-9._:-]{1,255}"), file, "'host', a name");
    String boot = json.path("boot").asText();
    require(boot.matches("[0-9a-f-]{0,64}"), file, "'boot', of a kernel");
    JsonNode pid = json.path("pid");
    require(pid.canConvertToLong() && pid.asLong() > 0, file, "'pid', a number of a process");
    JsonNode started = json.path("started");
    require(started.canConvertToLong() && started.asLong() >= 0, file, "'started', a time");
    String job = json.path("job").asText();
    require(job.matches("[A-Za-z0-9-]{1,64}"), file, "'job', an id");
    return new ClusterFile(address, token, host, boot, pid.asLong(), started.asLong(), job);
  }

  private static void require(boolean holds, Path file, String expected) throws UnusableException {
    if (!holds) {
      throw new UnusableException(
          file, "expected " + expected + ", found something else or nothing");
    }
  }

  private boolean isAlive() {
    Optional<ProcessHandle> process = ProcessHandle.of(pid);
    if (process.isEmpty()) {
      return false;
    }
    OptionalLong began = started(process.get());
    return began.isEmpty() || Math.abs(began.getAsLong() - started) <= CLOCK_MILLIS;
  }

  private static OptionalLong started(ProcessHandle process) {
    return process.info().startInstant().stream().mapToLong(Instant::toEpochMilli).findAny();
  }

  /** Without the token. */
  @Override
  public String toString() {
    return "job " + jobId + " at " + address + ", process " + pid + " of host " + host;
  }
}
