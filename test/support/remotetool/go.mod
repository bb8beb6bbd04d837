// What remotetool.ts builds: remotetool itself, and the program in compressed/.
module weir/test/remotetool

go 1.19

require github.com/bazelbuild/remote-apis-sdks v0.0.0-20231114220034-042d9851eb28
