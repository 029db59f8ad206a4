// Package unread has tests of reads that fail, of AWS and of the API server: nothing is taken away because of them.
package unread
