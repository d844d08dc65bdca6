package dev.trireme.launcher.device;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Where shared libraries of the system are looked for: in {@code LD_LIBRARY_PATH}, in {@code
 * java.library.path}, and where drivers and CUDA are usually installed. Only names are looked at;
 * nothing is loaded.
 *
 * @param folders in order, existing ones only
 */
public record Libraries(List<Path> folders) {
  private static final List<String> USUAL =
      List.of(
          "/usr/local/cuda/lib64",
          "/usr/local/nvidia/lib64",
          "/usr/local/nvidia/lib",
          "/usr/lib/x86_64-linux-gnu",
          "/usr/lib64",
          "/usr/lib/wsl/lib",
          "/lib/x86_64-linux-gnu",
          "/usr/lib");

  public Libraries {
    folders = List.copyOf(folders);
  }

  /** Those of this process. */
  public static Libraries ofProcess() {
    return of(
        System.getenv().getOrDefault("LD_LIBRARY_PATH", ""),
        System.getProperty("java.library.path", ""));
  }

  /**
   * @param environment folders as in {@code LD_LIBRARY_PATH}
   * @param java folders as in {@code java.library.path}
   */
  static Libraries of(String environment, String java) {
    Set<Path> folders = new LinkedHashSet<>();
    Stream.concat(
            Stream.of(environment, java)
                .flatMap(list -> Arrays.stream(list.split(File.pathSeparator))),
            USUAL.stream())
        .filter(name -> !name.isBlank())
        .forEach(name -> add(folders, name));
    return new Libraries(new ArrayList<>(folders));
  }

  private static void add(Set<Path> folders, String name) {
    try {
      Path folder = Path.of(name).toAbsolutePath().normalize();
      if (Files.isDirectory(folder)) {
        folders.add(folder.toRealPath());
      }
    } catch (InvalidPathException | IOException e) {
      // What cannot be a folder, or went away meanwhile, holds no library.
    }
  }

  /**
   * The first file of this name.
   *
   * @param name as {@code libnccl.so.2}
   */
  public Optional<Path> find(String name) {
    return folders.stream().map(f -> f.resolve(name)).filter(Files::exists).findFirst();
  }

  /** For people: all folders, in order. */
  public String words() {
    return String.join(":", folders.stream().map(Path::toString).toList());
  }
}
