using MiniDL.Examples;

return MinidlProgram.Run(args);
