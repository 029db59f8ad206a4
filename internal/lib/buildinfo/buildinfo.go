// Package buildinfo describes the running binary: the commit that it was built from, when, by which Go and for which
// platform. The linker sets the version, which is the program's own. It imports the standard library only.
package buildinfo

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Info describes a binary.
type Info struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Date     string `json:"date"` // of the commit
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

const unknown = "unknown"

// Read describes the running binary. What was not built from a repository has neither commit nor date.
func Read(version string) Info {
	build, _ := debug.ReadBuildInfo()
	return from(version, build)
}

func from(version string, build *debug.BuildInfo) Info {
	i := Info{Version: version, Commit: unknown, Date: unknown, Go: runtime.Version(), Platform: runtime.GOOS + "/" +
		runtime.GOARCH}
	if build == nil {
		return i
	}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			i.Commit = s.Value
		case "vcs.time":
			i.Date = s.Value
		case "vcs.modified":
			i.Modified = s.Value == "true"
		}
	}
	return i
}

// String returns one line about the binary.
func (i Info) String() string {
	commit := i.Commit
	if i.Modified {
		commit += " with changes"
	}
	return fmt.Sprintf("%s (commit %s, of %s, %s, %s)", i.Version, commit, i.Date, i.Go, i.Platform)
}
