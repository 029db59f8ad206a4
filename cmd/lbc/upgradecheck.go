package main

import (
	"errors"
	"fmt"
	"io"
)

// judgeUpgrade says whether an upgrade writes to AWS, and how to go on if it does.
func judgeUpgrade(errOut io.Writer, changes bool) error {
	if !changes {
		//nolint:errcheck // a hint
		fmt.Fprintln(errOut, "lbc: version "+version+" with these flags would write nothing to AWS")
		return nil
	}
	//nolint:errcheck // a hint
	fmt.Fprintln(errOut, "lbc: version "+version+" with these flags would make the changes above in AWS, so lbc refuses "+
		"the upgrade. Run lbc plan -A with the installed version too: the upgrade does not cause changes that both list. "+
		"To upgrade anyway: helm upgrade --set upgradeCheck.enabled=false")
	return exitChanges
}

// validUpgradeCheck refuses a check of a part of the cluster.
func (o *planOptions) validUpgradeCheck() error {
	if o.ownFlags && (len(o.files) > 0 || !o.allNamespaces) {
		return errors.New("--upgrade-check needs -A and no files: an upgrade concerns the whole cluster")
	}
	return nil
}
