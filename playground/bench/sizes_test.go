package bench

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/k8s-lbc/lbc/playground/repository"
)

// sizesOf are the measured rows, and thus the budgets, behind the rows of the table of sizes in docs/install.md.
var sizesOf = []string{"memory", "memory-1000", "size-restart"}

var (
	sizeRow    = regexp.MustCompile(`(?m)^\| [^|]+ \| ([^|]*MiB[^|]*) \| [^|]*memory: (\w+)[^|]* \| .memory: (\w+). \| .(\w+)B. \|$`)
	sizeFigure = regexp.MustCompile(`\d+`)
)

// TestSizesOfThePageHaveRoom compares the table with the budgets, which the benchmark holds what it measures to.
func TestSizesOfThePageHaveRoom(t *testing.T) {
	t.Parallel()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	budget, err := LoadBudget(root.Budget())
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(string(root), "docs", "install.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Sizes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := sizeRow.FindAllStringSubmatch(section, -1)
	if len(rows) != len(sizesOf) || strings.Count(section, "\n| ") != len(sizesOf)+1 {
		t.Fatalf("%d rows of the table have measured memory, want %d:\n%s", len(rows), len(sizesOf), section)
	}
	for i, row := range rows {
		const mib = 1 << 20
		atRest, most := int64(*budget[sizesOf[i]].MiB), int64(0)
		for _, figure := range sizeFigure.FindAllString(row[1], -1) {
			n, err := strconv.ParseInt(figure, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			most = max(most, n)
		}
		size := func(column int) int64 {
			q, err := resource.ParseQuantity(row[column])
			if err != nil {
				t.Fatalf("%s: %v", row[column], err)
			}
			return q.Value() / mib
		}
		requests, limits, collects := size(2), size(3), size(4)
		if requests < atRest || collects < most || limits <= collects {
			t.Errorf("%s: requests %d, GOMEMLIMIT %d and limits %d MiB; the budget at rest is %d, and %d were measured",
				sizesOf[i], requests, collects, limits, atRest, most)
		}
	}
}
