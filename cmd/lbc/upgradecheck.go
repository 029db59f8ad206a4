package main

import (
	"errors"
	"fmt"
	"io"
)

// judgeUpgrade says whether an upgrade writes to AWS, and how to go on if it does.
func judgeUpgrade(errOut io.Writer, changes bool) error {
	if !changes {
		fmt.Fprintln(errOut, "lbc: version "+version+" with these flags would write nothing to AWS") //nolint:errcheck // a hint
		return nil
	}
	fmt.Fprintln(errOut, "lbc: version "+version+" with these flags would make the changes above in AWS, so the upgrade is refused. "+ //nolint:errcheck // a hint
		"See the plan by lbc plan -A of both versions: what the installed one plans as well is no effect of the upgrade. To upgrade all the same, run helm upgrade with --set upgradeCheck.enabled=false")
	return exitChanges
}

// validUpgradeCheck refuses a check of a part of the cluster.
func (o *planOptions) validUpgradeCheck() error {
	if o.ownFlags && (len(o.files) > 0 || !o.allNamespaces) {
		return errors.New("--upgrade-check needs -A and no files: an upgrade concerns the whole cluster")
	}
	return nil
}
