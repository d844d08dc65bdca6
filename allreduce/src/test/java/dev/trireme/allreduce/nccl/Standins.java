package dev.trireme.allreduce.nccl;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;

/**
 * The stand-ins for NCCL and CUDA: compiled once a test run, loaded into this JVM ahead of the real
 * ones. They stand in for libraries of the same names, so that the glue of JavaCPP finds them
 * loaded already. Without a C compiler, or where there is no glue, the tests are skipped and say
 * so.
 */
public final class Standins {
  private static final Path SOURCES = Path.of("src/test/c").toAbsolutePath();
  private static final Path FOLDER = Path.of("target/standins").toAbsolutePath();
  private static final long COMPILE_SECONDS = 60;

  private static final class Once {
    private static final Optional<String> MISSING = make();

    private Once() {}
  }

  private Standins() {}

  /** Loads them, or skips the test. */
  static void load() {
    Optional<String> missing = Once.MISSING;
    missing.ifPresent(why -> System.out.println("SKIPPED without stand-ins for NCCL: " + why));
    Assumptions.assumeTrue(missing.isEmpty(), () -> "no stand-ins: " + missing.get());
    faults("");
  }

  /** Where they are. */
  public static Path folder() {
    load();
    return FOLDER;
  }

  /**
   * What is to go wrong from now on, as the stand-in says in its head; nothing when empty.
   *
   * @param lines as {@code hang 1 3}
   */
  static void faults(String lines) {
    try {
      Files.writeString(FOLDER.resolve("faults"), lines);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static Optional<String> make() {
    if (!System.getProperty("os.name").equals("Linux")
        || !System.getProperty("os.arch").equals("amd64")) {
      return Optional.of("the glue is for Linux on x86-64");
    }
    try {
      Files.createDirectories(FOLDER);
      String faults = "-DSTANDIN_FAULTS=\"" + FOLDER.resolve("faults") + "\"";
      compile("libcuda.so.1", "standin_libcuda.c");
      compile(
          "libcudart.so.13",
          "standin_cudart.c",
          "-Wl,--version-script=" + SOURCES.resolve("standin_cudart.map"));
      compile(
          "libcublasLt.so.13",
          "standin_cublaslt.c",
          "-Wl,--version-script=" + SOURCES.resolve("standin_cublaslt.map"));
      compile(
          "libcublas.so.13",
          "standin_cublas.c",
          "-Wl,--version-script=" + SOURCES.resolve("standin_cublas.map"),
          FOLDER.resolve("libcudart.so.13").toString());
      compile(
          "libnccl.so.2",
          "standin_nccl.c",
          faults,
          FOLDER.resolve("libcudart.so.13").toString(),
          "-lrt");
    } catch (IOException e) {
      return Optional.of(e.getMessage());
    }
    for (String library :
        List.of(
            "libcuda.so.1",
            "libcudart.so.13",
            "libcublasLt.so.13",
            "libcublas.so.13",
            "libnccl.so.2")) {
      System.load(FOLDER.resolve(library).toString());
    }
    return Optional.empty();
  }

  private static void compile(String library, String source, String... more) throws IOException {
    List<String> command =
        new ArrayList<>(List.of("cc", "-shared", "-fPIC", "-O1", "-g", "-Wall", "-Wextra"));
    command.addAll(List.of("-o", FOLDER.resolve(library).toString()));
    command.addAll(List.of("-Wl,-soname," + library, SOURCES.resolve(source).toString()));
    command.addAll(List.of(more));
    command.add("-lpthread");
    File log = FOLDER.resolve(library + ".log").toFile();
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log).start();
    try {
      if (!process.waitFor(COMPILE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new AssertionError("the C compiler does not end: " + command);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
    if (process.exitValue() != 0) {
      throw new AssertionError(
          "the C compiler refuses a stand-in: "
              + Files.readString(log.toPath(), StandardCharsets.UTF_8));
    }
  }
}
