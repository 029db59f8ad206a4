package node

import (
	"os"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/hack/pages"
)

// TestThePageOfForeignSuitesHasAFileOfImages reads the file of the page as "playground up --images" does, and compares
// its table with the built-in images.
func TestThePageOfForeignSuitesHasAFileOfImages(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/tasks/foreign-suites.md")
	if err != nil {
		t.Fatal(err)
	}
	read := false
	for _, b := range pages.Blocks(string(page)) {
		if b.File() == "images.yaml" {
			read = true
			if _, err := ParseStandIns("images.yaml", []byte(b.Text)); err != nil {
				t.Error(err)
			}
		}
	}
	if !read {
		t.Error("the page has no images.yaml")
	}
	for _, s := range builtIn {
		if name := "`" + s.Image + "`"; !strings.Contains(string(page), name) && s.Image != "*grpc*" {
			t.Errorf("the page does not name %s", name)
		}
	}
}
