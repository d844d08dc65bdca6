package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;

/**
 * What {@code cluster.json} in a run directory says: how to reach the process that runs the job.
 * Only its user can read the file, which holds the token that every request must carry.
 *
 * @param address as {@code host:port}
 * @param token a secret
 * @param pid of the process
 * @param jobId of the job
 */
public record ClusterFile(String address, String token, long pid, String jobId) {
  private static final String NAME = "cluster.json";
  private static final JsonMapper JSON = JsonMapper.builder().build();

  /** Writes it, readable for this user alone from its first byte on. */
  public void write(Path runDirectory) throws IOException {
    Path file = runDirectory.resolve(NAME);
    Files.deleteIfExists(file);
    String text =
        JsonNodeFactory.instance
                .objectNode()
                .put("address", address)
                .put("token", token)
                .put("pid", pid)
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

  /** What a run directory says; empty when it says nothing, or of a process that is gone. */
  public static Optional<ClusterFile> read(Path runDirectory) throws IOException {
    Path file = runDirectory.resolve(NAME);
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    JsonNode json = JSON.readTree(Files.readAllBytes(file));
    ClusterFile found =
        new ClusterFile(
            json.path("address").asText(),
            json.path("token").asText(),
            json.path("pid").asLong(),
            json.path("job").asText());
    return ProcessHandle.of(found.pid()).isPresent() ? Optional.of(found) : Optional.empty();
  }

  /** Without the token. */
  @Override
  public String toString() {
    return "job " + jobId + " at " + address + ", process " + pid;
  }
}
