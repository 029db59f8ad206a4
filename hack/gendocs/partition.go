package main

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/model/partition"
)

// partitions is the table of partitions, made of what policies and flags know of them. It stands in a page of
// docs/tasks.
func partitions() (string, error) {
	var b strings.Builder
	b.WriteString("| Partition | Regions | Standard policy | `lbc iam-policy` | Global Accelerator | Actions that do " +
		"not exist |\n|---|---|---|---|---|---|\n")
	for _, p := range iampolicy.Partitions {
		regions, begin := "all others", partition.Prefixes(p.Name)
		if len(begin) > 0 {
			regions = "`" + strings.Join(begin, "…`, `") + "…`"
		}
		arguments := []string{"--cluster-name=c", "--feature-gates=GlobalAcceleratorController=true"}
		if len(begin) > 0 {
			arguments = append(arguments, "--aws-region="+begin[0]+"x-1")
		}
		c, err := config.Parse(arguments)
		if err != nil {
			return "", err
		}
		accelerator := "no"
		if c.ServesAccelerators() {
			accelerator = "yes"
		}
		missing := "none that the controller calls"
		if m := iampolicy.Missing(p.Name); len(m) > 0 {
			missing = "`" + strings.Join(m, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | [iam_policy%s.json](../install/iam_policy%s.json) | `--partition %s` | %s | %s |\n",
			p.Name, regions, p.File, p.File, p.Name, accelerator, missing)
	}
	return b.String(), nil
}
