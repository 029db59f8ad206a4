// Package words holds the test that identifiers and documents use one word for one meaning. It imports the standard library only.
package words
