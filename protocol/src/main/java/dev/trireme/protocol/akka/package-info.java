/**
 * How messages travel over Akka: the settings, the serializer and the address that coordinators and
 * agents share. The only package of this module that knows Akka, which is an optional dependency:
 * ranks have none on their classpath and must not touch it.
 */
package dev.trireme.protocol.akka;
