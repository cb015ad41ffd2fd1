# `cmake --install BUILD --prefix DIR` makes a tree that runs wherever it is moved: DIR/bin and, beside it, DIR/lib.
include(GNUInstallDirs)
set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")

get_filename_component(onnxruntime_file ${ONNXRUNTIME_LIBRARY} REALPATH)
install(FILES ${onnxruntime_file} DESTINATION ${CMAKE_INSTALL_LIBDIR} RENAME libonnxruntime.so.1)
