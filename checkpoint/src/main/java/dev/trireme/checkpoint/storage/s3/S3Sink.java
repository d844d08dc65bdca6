package dev.trireme.checkpoint.storage.s3;

import dev.trireme.checkpoint.storage.FileSink;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.model.CompletedPart;

/**
 * An object being written. A small one is one request; a larger one is uploaded in parts, {@value
 * S3Connection#UPLOADS} at a time while the next is filled, and appears when all are there. The
 * part with the head is sent last. Memory: {@value #PART_BYTES} bytes for each part on its way, for
 * the one being filled and for the first one, which is as large as the head where that is larger.
 */
final class S3Sink implements FileSink {
  private static final Logger LOG = LoggerFactory.getLogger(S3Sink.class);

  static final int PART_BYTES = 8 << 20;

  /** The protocol's limit. */
  private static final int MAX_PARTS = 10_000;

  private final S3Connection connection;
  private final String key;
  private final Deque<Upload> underWay = new ArrayDeque<>();
  private final Deque<byte[]> free = new ArrayDeque<>();
  private final List<CompletedPart> done = new ArrayList<>();
  private final byte[] first;
  private final int headBytes;
  private boolean headFilled;
  private byte[] buffer;
  private int filled;
  private String uploadId = "";
  private int parts;
  private boolean complete;

  private record Upload(Future<CompletedPart> result, byte[] buffer) {}

  /** Sends nothing yet. */
  S3Sink(S3Connection connection, String key, int headBytes) {
    this.connection = connection;
    this.key = key;
    this.headBytes = headBytes;
    this.headFilled = headBytes == 0;
    this.first = new byte[Math.max(PART_BYTES, headBytes)];
    this.buffer = first;
    this.filled = headBytes;
  }

  @Override
  public void append(ByteBuffer from) throws IOException {
    while (from.hasRemaining()) {
      if (filled == buffer.length) {
        endPart();
      }
      int length = Math.min(from.remaining(), buffer.length - filled);
      from.get(buffer, filled, length);
      filled += length;
    }
  }

  @Override
  public void head(ByteBuffer from) {
    FileSink.requireFits(from, headBytes);
    from.get(first, 0, headBytes);
    headFilled = true;
  }

  /** Sends the rest and makes the object appear. */
  @Override
  public void sync() throws IOException {
    if (!headFilled) {
      throw new IllegalStateException(connection.name(key) + ": its head was not written");
    }
    if (parts == 0) {
      put(connection, key, buffer, filled);
    } else {
      upload(parts + 1, buffer, filled);
      upload(1, first, first.length);
      while (!underWay.isEmpty()) {
        takeOldest();
      }
      connection.call(
          connection.name(key),
          () ->
              connection
                  .client()
                  .completeMultipartUpload(
                      r ->
                          r.bucket(connection.place().bucket())
                              .key(key)
                              .uploadId(uploadId)
                              .multipartUpload(m -> m.parts(inOrder()))));
    }
    complete = true;
  }

  /** Writes an object in one request. */
  static void put(S3Connection connection, String key, byte[] bytes, int length)
      throws IOException {
    connection.call(
        connection.name(key),
        () ->
            connection
                .client()
                .putObject(
                    r -> r.bucket(connection.place().bucket()).key(key), body(bytes, length)));
  }

  private static RequestBody body(byte[] bytes, int length) {
    return RequestBody.fromContentProvider(
        () -> new ByteArrayInputStream(bytes, 0, length), length, "application/octet-stream");
  }

  private List<CompletedPart> inOrder() {
    return done.stream().sorted(Comparator.comparing(CompletedPart::partNumber)).toList();
  }

  /** Sends the part that is full, unless it is the first, and begins the next. */
  private void endPart() throws IOException {
    parts++;
    if (parts >= MAX_PARTS) {
      throw new IOException(
          "%s: expected at most %d bytes, which are %d parts of an upload; use more ranks"
              .formatted(connection.name(key), (long) MAX_PARTS * PART_BYTES, MAX_PARTS));
    }
    if (parts > 1) {
      upload(parts, buffer, filled);
    }
    buffer = free.isEmpty() ? new byte[PART_BYTES] : free.remove();
    filled = 0;
  }

  private void upload(int number, byte[] bytes, int length) throws IOException {
    if (uploadId.isEmpty()) {
      uploadId =
          connection.call(
              connection.name(key),
              () ->
                  connection
                      .client()
                      .createMultipartUpload(r -> r.bucket(connection.place().bucket()).key(key))
                      .uploadId());
    }
    underWay.add(new Upload(connection.uploads().submit(() -> send(number, bytes, length)), bytes));
    if (underWay.size() > S3Connection.UPLOADS) {
      takeOldest();
    }
  }

  private CompletedPart send(int number, byte[] bytes, int length) throws IOException {
    String tag =
        connection.call(
            connection.name(key) + ", part " + number,
            () ->
                connection
                    .client()
                    .uploadPart(
                        r ->
                            r.bucket(connection.place().bucket())
                                .key(key)
                                .uploadId(uploadId)
                                .partNumber(number),
                        body(bytes, length))
                    .eTag());
    return CompletedPart.builder().partNumber(number).eTag(tag).build();
  }

  private void takeOldest() throws IOException {
    Upload oldest = underWay.remove();
    try {
      // A part may wait in the queue for the ones before it.
      long deadline = S3Connection.CALL.multipliedBy(2).toMillis();
      done.add(oldest.result().get(deadline, TimeUnit.MILLISECONDS));
      free.add(oldest.buffer());
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
    } catch (TimeoutException e) {
      throw new IOException(connection.name(key) + ": a part was not uploaded in time", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while uploading " + connection.name(key));
    }
  }

  /** Gives up what is not complete; what cannot be taken back is left for the next sweep. */
  @Override
  public void close() {
    if (complete || uploadId.isEmpty()) {
      return;
    }
    complete = true;
    underWay.forEach(upload -> upload.result().cancel(true));
    boolean interrupted = Thread.interrupted();
    try {
      connection.call(
          connection.name(key),
          () ->
              connection
                  .client()
                  .abortMultipartUpload(
                      r -> r.bucket(connection.place().bucket()).key(key).uploadId(uploadId)));
    } catch (IOException e) {
      LOG.warn("an unfinished upload is left behind: {}", e.getMessage());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
