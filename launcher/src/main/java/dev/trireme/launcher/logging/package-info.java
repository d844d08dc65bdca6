/**
 * How this process writes its log, set up in code: reading logback's XML would cost a tenth of a
 * second of every start.
 */
package dev.trireme.launcher.logging;
