/**
 * Shows a running job to a person: one line that is rewritten on a terminal, now and then a line
 * elsewhere, a row per epoch, a summary. Fed with small records, so it knows nothing of clusters.
 */
package dev.trireme.launcher.cli.progress;
