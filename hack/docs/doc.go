// Package docs holds README.md, CHANGELOG.md and the pages of docs/ to what is there: links, files, flags, make targets, tests and
// metrics that they name exist, and every metric is named. It has tests only.
package docs
