package dev.trireme.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/**
 * Small C libraries that stand in for NVIDIA's, compiled when first asked for. Once loaded they
 * stay in this process, so all tests use one folder.
 */
public final class Standins {
  private static final Path FOLDER = Path.of("target/standins").toAbsolutePath();
  private static final Path FAULTS = FOLDER.resolve("faults");
  private static final Path SOURCES = Path.of("..", "allreduce", "src", "test", "c");

  private Standins() {}

  /**
   * The folder with those for NVML, the driver, the CUDA runtime and NCCL, or the test is skipped.
   */
  public static synchronized Path folder() throws Exception {
    boolean here =
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64")
            && Arrays.stream(System.getenv("PATH").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, "cc")));
    if (!here) {
      System.out.println("SKIPPED without stand-ins for CUDA: needs cc, on Linux on x86-64");
    }
    Assumptions.assumeTrue(here, "no cc, or not Linux on x86-64");
    Files.createDirectories(FOLDER);
    compile("libnvidia-ml.so.1", Path.of("src/test/c/standin_nvml.c"));
    compile("libcuda.so.1", SOURCES.resolve("standin_libcuda.c"));
    compile(
        "libcudart.so.13",
        SOURCES.resolve("standin_cudart.c"),
        "-Wl,--version-script=" + SOURCES.resolve("standin_cudart.map"));
    compile(
        "libnccl.so.2",
        SOURCES.resolve("standin_nccl.c"),
        "-DSTANDIN_FAULTS=\"" + FAULTS + "\"",
        FOLDER.resolve("libcudart.so.13").toString(),
        "-lrt");
    return FOLDER;
  }

  /** Loads those that NCCL needs into this process, ahead of the real ones. */
  public static void load() throws Exception {
    Path folder = folder();
    for (String library : List.of("libcuda.so.1", "libcudart.so.13", "libnccl.so.2")) {
      System.load(folder.resolve(library).toString());
    }
  }

  /** What is to go wrong from now on, as the stand-in for NCCL says in its head. */
  public static void faults(String lines) throws Exception {
    Files.writeString(FAULTS, lines);
  }

  private static void compile(String library, Path source, String... more) throws Exception {
    Path made = FOLDER.resolve(library);
    if (Files.exists(made)) {
      return;
    }
    List<String> command = new ArrayList<>(List.of("cc", "-shared", "-fPIC", "-Wall", "-Wextra"));
    command.addAll(List.of("-Wl,-soname," + library, "-o", made.toString(), source.toString()));
    command.addAll(List.of(more));
    command.add("-lpthread");
    Process compiler = new ProcessBuilder(command).inheritIO().start();
    assertThat(compiler.waitFor(60, java.util.concurrent.TimeUnit.SECONDS))
        .as("the compiler ends")
        .isTrue();
    assertThat(compiler.exitValue()).as("the compiler's exit code").isZero();
  }
}
