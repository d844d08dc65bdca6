package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class IoMessagesTest {
  static Stream<Arguments> errors() {
    return Stream.of(
        Arguments.of(new AccessDeniedException("ck/a"), "no permission for ck/a; let this user in"),
        Arguments.of(new IOException("Permission denied"), "no permission for ck; let this user"),
        Arguments.of(
            new FileSystemException("ck/a", null, "Read-only file system"),
            "ck/a is on a read-only file system; choose another place"),
        Arguments.of(new IOException("No space left on device"), "no space left for ck ("),
        Arguments.of(
            new FileSystemException("ck/a", null, "Disk quota exceeded"),
            "no space left for ck (ck/a: Disk quota exceeded"),
        Arguments.of(new NoSuchFileException("ck/a"), "ck/a is not there"),
        Arguments.of(new ClosedByInterruptException(), "interrupted while working on ck"),
        Arguments.of(new IOException("Input/output error"), "ck: Input/output error"));
  }

  @ParameterizedTest
  @MethodSource("errors")
  void shouldSayWhatAnErrorMeansAndWhere(IOException error, String message) {
    assertThat(IoMessages.explain(error, "ck")).startsWith(message);
  }
}
