package annotation

import "testing"

// TestRangeProblemSaysHowToWriteIt has what people write for address ranges.
func TestRangeProblemSaysHowToWriteIt(t *testing.T) {
	t.Parallel()
	const usual = "write address ranges such as 198.51.100.0/24 or 2001:db8::/32"
	for value, want := range map[string][2]string{
		"10.0.0.0/8":                 {"", ""},
		"":                           {`"" is not an address range`, usual},
		"office":                     {`"office" is not an address range`, usual},
		"10.0.0.1":                   {`"10.0.0.1" is not an address range`, "write an address range; did you mean 10.0.0.1/32?"},
		"10.0.0.0/8;192.168.0.0/16":  {`"10.0.0.0/8;192.168.0.0/16" is not an address range`, "separate address ranges with commas"},
		"10.0.0.0/8\n192.168.0.0/16": {`"10.0.0.0/8\n192.168.0.0/16" is not an address range`, "separate address ranges with commas"},
	} {
		if problem, remedy := RangeProblem(value); problem != want[0] || remedy != want[1] {
			t.Errorf("%q: %s; %s", value, problem, remedy)
		}
	}
}
