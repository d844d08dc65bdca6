package dev.trireme.checkpoint.storage.s3;

import dev.trireme.checkpoint.storage.StoredFile;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import software.amazon.awssdk.core.ResponseBytes;
import software.amazon.awssdk.core.sync.ResponseTransformer;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;

/**
 * An object, read range by range. Each request costs a round trip, so what is read in a row is
 * fetched in ever larger windows: small tensors that lie side by side share one, while the reader
 * of a header does not pay for what it never looks at.
 */
final class S3File implements StoredFile {
  private static final int FIRST_WINDOW = 64 << 10;
  private static final int MAX_WINDOW = 8 << 20;

  private final S3Connection connection;
  private final String key;
  private final long size;
  private ByteBuffer window = ByteBuffer.allocate(0);
  private long windowAt;
  private int nextWindow = FIRST_WINDOW;

  private S3File(S3Connection connection, String key, long size) {
    this.connection = connection;
    this.key = key;
    this.size = size;
  }

  /**
   * Opens an object.
   *
   * @throws java.nio.file.NoSuchFileException when it is not there
   */
  static S3File open(S3Connection connection, String key) throws IOException {
    return new S3File(connection, key, connection.size(key));
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void read(ByteBuffer to, long position) throws IOException {
    long at = position;
    while (to.hasRemaining()) {
      if (at >= size) {
        throw new EOFException(connection.name(key) + " ends at " + size);
      }
      if (at < windowAt || at >= windowAt + window.limit()) {
        fetch(at, to.remaining());
      }
      ByteBuffer part = window.duplicate();
      part.position((int) (at - windowAt));
      part.limit(part.position() + Math.min(part.remaining(), to.remaining()));
      at += part.remaining();
      to.put(part);
    }
  }

  private void fetch(long at, int wanted) throws IOException {
    boolean inARow = window.limit() > 0 && at == windowAt + window.limit();
    nextWindow = inARow ? Math.min(MAX_WINDOW, nextWindow * 4) : FIRST_WINDOW;
    long length = Math.min(size - at, Math.max(nextWindow, Math.min(wanted, MAX_WINDOW)));
    String range = "bytes=" + at + "-" + (at + length - 1);
    ResponseBytes<GetObjectResponse> answer =
        connection.call(
            connection.name(key),
            () ->
                connection
                    .client()
                    .getObject(
                        r -> r.bucket(connection.place().bucket()).key(key).range(range),
                        ResponseTransformer.toBytes()));
    byte[] bytes = answer.asByteArrayUnsafe();
    if (bytes.length != length) {
      throw new EOFException(
          "%s: expected %d bytes from %d on, found %d"
              .formatted(connection.name(key), length, at, bytes.length));
    }
    window = ByteBuffer.wrap(bytes);
    windowAt = at;
  }

  /** Nothing is held open between requests. */
  @Override
  public void close() {
    window = ByteBuffer.allocate(0);
  }
}
