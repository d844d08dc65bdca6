package dev.trireme.launcher.config;

import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ProgramSpec;
import dev.trireme.api.train.TrainingProgram;
import dev.trireme.engine.ModelFactory;
import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Whether the classes that a job names are what its ranks can use. Loads them and initialises none,
 * so that no code of a user's runs.
 */
final class UserClasses {
  private UserClasses() {}

  /**
   * What is wrong with them, by key.
   *
   * @param job whose jars are there
   */
  static Map<String, String> faults(JobSpec job) {
    Map<String, String> faults = new LinkedHashMap<>();
    try (URLClassLoader loader = loader(job)) {
      job.program()
          .map(ProgramSpec::className)
          .flatMap(name -> fault(loader, name, TrainingProgram.class))
          .ifPresent(fault -> faults.put("program.class", fault));
      job.model()
          .className()
          .flatMap(name -> fault(loader, name, ModelFactory.class))
          .ifPresent(fault -> faults.put("model.class", fault));
    } catch (IOException e) {
      // A jar that cannot be closed was read all the same.
    }
    return faults;
  }

  private static URLClassLoader loader(JobSpec job) throws MalformedURLException {
    List<URL> jars = new ArrayList<>();
    for (String jar :
        Stream.concat(job.program().flatMap(ProgramSpec::jar).stream(), job.model().jar().stream())
            .toList()) {
      jars.add(Path.of(jar).toUri().toURL());
    }
    return new URLClassLoader(jars.toArray(URL[]::new), UserClasses.class.getClassLoader());
  }

  private static Optional<String> fault(ClassLoader loader, String name, Class<?> wanted) {
    try {
      Class<?> found = loader.loadClass(name);
      if (!wanted.isAssignableFrom(found)) {
        return Optional.of("'" + name + "' does not implement " + wanted.getName());
      }
      found.getConstructor();
      return Optional.empty();
    } catch (ClassNotFoundException e) {
      return Optional.of("no class '" + name + "' in the jar or on the class path");
    } catch (NoSuchMethodException e) {
      return Optional.of(
          "'" + name + "' needs to be a public class with a public constructor without parameters");
    } catch (LinkageError e) {
      return Optional.of(
          "'" + name + "' cannot be loaded: " + e + "; is the jar built for this Java and whole?");
    }
  }
}
