package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("out", "dist/site", "directory for the site")
	url := flag.String("repository", "https://github.com/k8s-lbc/lbc",
		"URL of the repository, for links to its directories and sources")
	flag.Parse()
	files, err := build(os.DirFS("."), *url)
	if err == nil {
		err = write(*out, files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
	fmt.Printf("%s/index.html: %d files\n", *out, len(files))
}
